"""What was asked of a run last and refused, and a way to what waits for a limit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("refusal", JSONB, nullable=True))
    op.create_index("run_components_held", "run_components", ["run_id"], unique=False, postgresql_where=sa.text("held IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("run_components_held", table_name="run_components")
    op.drop_column("runs", "refusal")
