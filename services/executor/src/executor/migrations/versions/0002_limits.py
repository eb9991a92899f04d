"""Limits: what endpoints let through, and runs that wait for their turn."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=None if nullable else _NOW)


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("limits", JSONB, nullable=False, server_default="{}"))
    op.create_table(
        "gates",
        sa.Column("endpoint_id", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        _moment("opened_until", nullable=True),
        sa.Column("tokens", sa.Double, nullable=True),
        _moment("filled_at", nullable=True),
        sa.Column("turn", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("served", JSONB, nullable=False, server_default="{}"),
    )
    op.execute("ALTER TABLE gates SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)")
    op.create_table(
        "slots",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("component", sa.Text, primary_key=True),
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("retry", sa.Boolean, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(), nullable=False),
        _moment("granted_at", nullable=True),
        sa.Column("trial", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    waits, granted = sa.text("granted_at IS NULL"), sa.text("granted_at IS NOT NULL")
    op.create_index("slots_lanes", "slots", ["endpoint_id", "workflow_id", "priority", "retry", "number"], postgresql_where=waits)
    op.create_index("slots_taken", "slots", ["endpoint_id"], postgresql_where=granted)
    op.create_index("slots_granted", "slots", ["epoch"], postgresql_where=granted)
    op.create_index("slots_epoch", "slots", ["endpoint_id", "epoch"])
    op.create_table(
        "turns",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("taken_by", sa.BigInteger, nullable=True),
    )
    op.create_index("turns_lanes", "turns", ["workflow_id", "priority", "number"], postgresql_where=sa.text("taken_by IS NULL"))
    op.create_index("turns_taken", "turns", ["workflow_id"], postgresql_where=sa.text("taken_by IS NOT NULL"))
    op.create_index("turns_taken_by", "turns", ["taken_by"], postgresql_where=sa.text("taken_by IS NOT NULL"))


def downgrade() -> None:
    for name in ("turns", "slots", "gates"):
        op.drop_table(name)
    op.drop_column("endpoints", "limits")
