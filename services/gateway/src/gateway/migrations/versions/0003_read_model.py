"""What events tell: clusters, DAGs, runs, alerts and samples."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cluster_states",
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reach", sa.Text(), nullable=False),
        sa.Column("last_answer_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observation", JSONB, nullable=False),
        sa.Column("answered", JSONB, nullable=True),
        sa.PrimaryKeyConstraint("cluster_id", name=op.f("cluster_states_pk")),
    )
    op.create_table(
        "cluster_commands",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=True),
        sa.Column("dag_run_id", sa.Text(), nullable=True),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observed", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("command_id", name=op.f("cluster_commands_pk")),
    )
    op.create_index(op.f("cluster_commands_asked_at"), "cluster_commands", ["asked_at"], unique=False)
    op.create_index("cluster_commands_by_dag", "cluster_commands", ["cluster_id", "dag_id", "asked_at"], unique=False)
    op.create_table(
        "dags",
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owners", JSONB, nullable=False),
        sa.Column("tags", JSONB, nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("has_import_errors", sa.Boolean(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sweep", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id", "dag_id", name=op.f("dags_pk")),
    )
    op.create_table(
        "dag_sweeps",
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("sweep", sa.Text(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id", name=op.f("dag_sweeps_pk")),
    )
    op.create_table(
        "dag_runs",
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("dag_run_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run_type", sa.Text(), nullable=False),
        sa.Column("sort_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_counts", JSONB, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id", "dag_id", "dag_run_id", name=op.f("dag_runs_pk")),
    )
    op.create_index("dag_runs_ended_at", "dag_runs", ["ended_at"], unique=False)
    op.create_index("dag_runs_newest", "dag_runs", ["cluster_id", "dag_id", "sort_at"], unique=False)
    op.create_table(
        "samples",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("samples_pk")),
    )
    op.create_index("samples_at", "samples", ["at"], unique=False, postgresql_using="brin")
    op.create_index("samples_by_series", "samples", ["series", "at"], unique=False)
    op.create_table(
        "samples_latest",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("samples_latest_pk")),
    )
    op.create_index(op.f("samples_latest_name"), "samples_latest", ["name"], unique=False)
    op.create_index(op.f("samples_latest_source"), "samples_latest", ["source"], unique=False)
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("inputs", JSONB, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("span_id", sa.Text(), nullable=True),
        sa.Column("parent_span_id", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("gaps", sa.Integer(), nullable=False),
        sa.Column("cancel_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("runs_pk")),
    )
    op.create_index(op.f("runs_asked_at"), "runs", ["asked_at"], unique=False)
    op.create_index("runs_by_status", "runs", ["status", "asked_at"], unique=False)
    op.create_index("runs_by_workflow", "runs", ["workflow", "asked_at"], unique=False)
    op.create_table(
        "run_components",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transfer", JSONB, nullable=True),
        sa.Column("failure", JSONB, nullable=True),
        sa.Column("output", JSONB, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("span_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "component", name=op.f("run_components_pk")),
    )
    op.create_table(
        "run_attempts",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transfer", JSONB, nullable=True),
        sa.Column("failure", JSONB, nullable=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("span_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "component", "generation", "attempt", name=op.f("run_attempts_pk")),
    )
    op.create_table(
        "run_events",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "seq", name=op.f("run_events_pk")),
    )
    op.create_index(op.f("run_events_at"), "run_events", ["at"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("story", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("alerts_pk")),
    )
    op.create_index("alerts_by_state", "alerts", ["state", "since"], unique=False)
    op.create_index(op.f("alerts_rule_id"), "alerts", ["rule_id"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("notification_id", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("notification_id", name=op.f("notifications_pk")),
    )
    op.create_index(op.f("notifications_alert_id"), "notifications", ["alert_id"], unique=False)
    op.create_index(op.f("notifications_channel_id"), "notifications", ["channel_id"], unique=False)
    op.create_index(op.f("notifications_request_id"), "notifications", ["request_id"], unique=False)


def downgrade() -> None:
    for table in (
        "notifications",
        "alerts",
        "run_events",
        "run_attempts",
        "run_components",
        "runs",
        "samples_latest",
        "samples",
        "dag_runs",
        "dag_sweeps",
        "dags",
        "cluster_commands",
        "cluster_states",
    ):
        op.drop_table(table)
