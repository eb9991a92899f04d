"""Runs as the whole engine tells them, found by their words, and bulk retries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OLD_INDEXES = {"runs_asked_at": ["asked_at"], "runs_by_status": ["status", "asked_at"], "runs_by_workflow": ["workflow", "asked_at"]}
_INDEXES = {
    "runs_newest": ["asked_at", "run_id"],
    "runs_by_status": ["status", "asked_at", "run_id"],
    "runs_by_workflow": ["workflow_id", "asked_at", "run_id"],
    "runs_by_workflow_status": ["workflow_id", "status", "asked_at", "run_id"],
    "runs_by_trigger": ["trigger_kind", "asked_at", "run_id"],
}


def upgrade() -> None:
    text, moment = sa.Text(), sa.DateTime(timezone=True)
    for column in (
        sa.Column("trigger_kind", text, nullable=False, server_default=""),
        sa.Column("business_key", text, nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="5"),
        sa.Column("deadline_at", moment, nullable=True),
        sa.Column("queued", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("paused_at", moment, nullable=True),
        sa.Column("paused_by", text, nullable=False, server_default=""),
        sa.Column("pause_reason", text, nullable=False, server_default=""),
    ):
        op.add_column("runs", column)
    op.execute("UPDATE runs SET trigger_kind = split_part(trigger, ':', 1)")
    for table in ("run_components", "run_attempts"):
        op.add_column(table, sa.Column("decision", text, nullable=True))
        op.add_column(table, sa.Column("why", text, nullable=False, server_default=""))
    op.add_column("run_components", sa.Column("held", JSONB, nullable=True))
    op.add_column("run_attempts", sa.Column("holds", JSONB, nullable=False, server_default="[]"))
    for name in _OLD_INDEXES:
        op.drop_index(name, table_name="runs")
    for name, columns in _INDEXES.items():
        op.create_index(name, "runs", columns, unique=False)
    _words()
    _bulk()


def _words() -> None:
    # A trusted extension: whoever may create a schema may create it. Where it stands already, its operators are in that schema.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    where = op.get_bind().scalar(
        sa.text(
            "SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm'"
        )
    )
    op.create_table(
        "run_words",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("run_words_pk")),
    )
    op.execute("INSERT INTO run_words SELECT run_id, asked_at, left(concat_ws(E'\\n', run_id, inputs::text), 8000) FROM runs")
    op.create_index("run_words_newest", "run_words", ["asked_at", "run_id"], unique=False)
    op.execute(f"CREATE INDEX run_words_like ON run_words USING gin (words {where}.gin_trgm_ops)")


def _bulk() -> None:
    text, moment = sa.Text(), sa.DateTime(timezone=True)
    op.create_table(
        "bulk_retries",
        sa.Column("bulk_id", text, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("selection", JSONB, nullable=False),
        sa.Column("excluded", JSONB, nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("per_second", sa.Float(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("of", text, nullable=True),
        sa.Column("requested_by", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("due_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("bulk_id", name=op.f("bulk_retries_pk")),
    )
    op.create_index(op.f("bulk_retries_asked_at"), "bulk_retries", ["asked_at"], unique=False)
    op.create_table(
        "bulk_retry_items",
        sa.Column("bulk_id", text, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("run_id", text, nullable=False),
        sa.Column("workflow", text, nullable=False),
        sa.Column("failure_code", text, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event_id", text, nullable=False),
        sa.Column("asked_at", moment, nullable=True),
        sa.Column("settled_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("bulk_id", "place", name=op.f("bulk_retry_items_pk")),
    )
    op.create_index("bulk_retry_items_by_status", "bulk_retry_items", ["bulk_id", "status", "place"], unique=False)
    op.create_index(
        "bulk_retry_items_open",
        "bulk_retry_items",
        ["run_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('waiting', 'asked', 'reopened')"),
    )


def downgrade() -> None:
    for table in ("bulk_retry_items", "bulk_retries", "run_words"):
        op.drop_table(table)
    for name in _INDEXES:
        op.drop_index(name, table_name="runs")
    for name, columns in _OLD_INDEXES.items():
        op.create_index(name, "runs", columns, unique=False)
    op.drop_column("run_attempts", "holds")
    op.drop_column("run_components", "held")
    for table in ("run_components", "run_attempts"):
        op.drop_column(table, "why")
        op.drop_column(table, "decision")
    for name in ("pause_reason", "paused_by", "paused_at", "queued", "deadline_at", "priority", "business_key", "trigger_kind"):
        op.drop_column("runs", name)
