"""The first tables: clusters with their leases, what was told of runs, commands, replicas, and delivery."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.runtime.delivery import create_delivery_tables, drop_delivery_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "clusters",
        sa.Column("cluster_id", sa.Text, primary_key=True),
        sa.Column("definition", JSONB, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("memory", JSONB, nullable=False, server_default="{}"),
    )
    op.create_table(
        "known_runs",
        sa.Column("cluster_id", sa.Text, sa.ForeignKey("clusters.cluster_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("dag_id", sa.Text, primary_key=True),
        sa.Column("dag_run_id", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("sort_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts", JSONB),
    )
    op.create_table(
        "commands",
        sa.Column("command_id", sa.Text, primary_key=True),
        sa.Column("place", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("cluster_id", sa.Text, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("observed", JSONB, nullable=False, server_default="{}"),
        sa.Column("attempted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("traceparent", sa.Text),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
    )
    op.create_index("commands_open", "commands", ["cluster_id", "place"], postgresql_where=sa.text("status IN ('asked', 'sent')"))
    op.create_index("commands_settled", "commands", ["settled_at"], postgresql_where=sa.text("settled_at IS NOT NULL"))
    op.create_table(
        "replicas",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    create_delivery_tables(op)


def downgrade() -> None:
    drop_delivery_tables(op)
    for table in ("replicas", "commands", "known_runs", "clusters"):
        op.drop_table(table)
