import sqlalchemy as sa
from alembic import op

from shared.runtime.delivery import create_delivery_tables, drop_delivery_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_delivery_tables(op)
    # On purpose without a unique key: an effect that happens twice must show.
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("ledger")
    drop_delivery_tables(op)
