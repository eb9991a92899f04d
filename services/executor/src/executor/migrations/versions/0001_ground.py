"""The journal, its runs, their owners, and the copies of the registries."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.runtime.delivery.tables import create_delivery_tables, drop_delivery_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=None if nullable else _NOW)


def upgrade() -> None:
    create_delivery_tables(op)
    op.create_table(
        "executors",
        sa.Column("epoch", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        _moment("lease_until"),
        _moment("started_at"),
        _moment("retired_at", nullable=True),
        sa.Column("heir", sa.BigInteger, nullable=True),
        _moment("settled_at", nullable=True),
        sa.Column("batch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("published", sa.BigInteger, nullable=False, server_default="0"),
    )
    # The fence is written at every commit: room in the page keeps it there.
    op.execute("ALTER TABLE executors SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)")
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("owner", sa.BigInteger, nullable=True),
        _moment("started_at"),
        _moment("ended_at", nullable=True),
    )
    op.create_index("runs_owner", "runs", ["owner"], postgresql_where=sa.text("owner IS NOT NULL"))
    op.create_table(
        "journal",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("first", sa.Integer, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("journal_batch", "journal", ["epoch", "batch"])
    op.create_table(
        "waits",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("component", sa.Text, primary_key=True),
        _moment("due_at"),
    )
    op.create_index("waits_due", "waits", ["due_at"])
    op.create_table(
        "requests",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("external", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        _moment("received_at"),
    )
    op.create_index("requests_run", "requests", ["run_id"])
    op.create_table(
        "checkpoints",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("component", sa.Text, primary_key=True),
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("body", JSONB, nullable=False),
        _moment("updated_at"),
    )
    op.create_table(
        "workflows",
        sa.Column("workflow_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("definition", JSONB, nullable=False),
        sa.Column("retired", sa.Boolean, nullable=False),
    )
    op.create_index("workflows_name", "workflows", ["name", "version"])
    op.create_table(
        "endpoints",
        sa.Column("endpoint_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("options", JSONB, nullable=False),
        sa.Column("sealed_secret", sa.Text, nullable=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("endpoints_name", "endpoints", ["name"])


def downgrade() -> None:
    for name in ("endpoints", "workflows", "checkpoints", "requests", "waits", "journal", "runs", "executors"):
        op.drop_table(name)
    drop_delivery_tables(op)
