"""How often a trigger was gone and came back: each time it begins anew."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("triggers", sa.Column("life", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("triggers", "life")
