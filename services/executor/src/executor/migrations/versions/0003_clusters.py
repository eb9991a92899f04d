"""What the cluster-poller says: names and reach of clusters, DAG runs, and who waits for them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "clusters",
        sa.Column("cluster_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("reach", sa.Text, nullable=True),
        sa.Column("detail", sa.Text, nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("clusters_name", "clusters", ["name"])
    op.create_table(
        "dag_runs",
        sa.Column("cluster_id", sa.Text, primary_key=True),
        sa.Column("dag_id", sa.Text, primary_key=True),
        sa.Column("dag_run_id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("sort_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("news", sa.Boolean, nullable=False),
    )
    op.create_index("dag_runs_next", "dag_runs", ["cluster_id", "dag_id", "first_seen_at"])
    op.create_index("dag_runs_seen_at", "dag_runs", ["seen_at"])
    op.create_table(
        "dag_waits",
        sa.Column("wait_id", sa.Text, primary_key=True),
        sa.Column("cluster_id", sa.Text, nullable=False),
        sa.Column("dag_id", sa.Text, nullable=False),
        sa.Column("dag_run_id", sa.Text, nullable=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("command_id", sa.Text, nullable=True),
        sa.Column("command_status", sa.Text, nullable=True),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_index("dag_waits_command", "dag_waits", ["command_id"], postgresql_where=sa.text("command_id IS NOT NULL"))
    op.create_index("dag_waits_since", "dag_waits", ["since"])


def downgrade() -> None:
    for name in ("dag_waits", "dag_runs", "clusters"):
        op.drop_table(name)
