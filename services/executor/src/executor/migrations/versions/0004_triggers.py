"""Triggers and their firings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "triggers",
        sa.Column("workflow_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("gone", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text, nullable=False, server_default=""),
        sa.Column("from_start", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("owner", sa.BigInteger, nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_index("triggers_due", "triggers", ["next_at"], postgresql_where=sa.text("kind = 'schedule' AND NOT gone AND NOT paused"))
    op.create_index("triggers_kind", "triggers", ["kind"], postgresql_where=sa.text("NOT gone"))
    op.create_table(
        "trigger_firings",
        sa.Column("workflow_id", sa.Text, primary_key=True),
        sa.Column("trigger", sa.Text, primary_key=True),
        sa.Column("firing_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("fired_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_index("trigger_firings_fired_at", "trigger_firings", ["fired_at"])


def downgrade() -> None:
    for name in ("trigger_firings", "triggers"):
        op.drop_table(name)
