"""What a queued run waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("queued_for", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("runs", "queued_for")
