"""What was asked of a run last and refused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("refusal", JSONB, nullable=True))


def downgrade() -> None:
    op.drop_column("runs", "refusal")
