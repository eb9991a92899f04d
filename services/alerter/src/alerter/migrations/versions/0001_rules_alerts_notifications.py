"""Rules, channels, what is known of the world, alerts, and the notifications that tell people of them.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.runtime.delivery import create_delivery_tables, drop_delivery_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")


def _text(name: str, *, key: bool = False, default: str | None = None, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=nullable and not key, server_default=default)


def _moment(name: str, *, nullable: bool = False, default: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=_NOW if default else None)


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, JSONB, nullable=nullable)


def upgrade() -> None:
    create_delivery_tables(op)
    op.create_table("rules", _text("rule_id", key=True), _json("definition"), _moment("changed_at", default=True))
    op.create_table("channels", _text("channel_id", key=True), _json("definition"), _moment("next_send_at", default=True))
    op.create_table(
        "clusters",
        _text("cluster_id", key=True),
        _json("registered", nullable=True),
        _json("observed", nullable=True),
        _moment("known_since", default=True),
        _moment("changed_at", default=True),
    )
    op.create_table(
        "dags",
        _text("cluster_id", key=True),
        _text("dag_id", key=True),
        sa.Column("tags", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("owners", sa.ARRAY(sa.Text), nullable=False),
    )
    op.create_table("runs", _text("run_id", key=True), _json("facts"), _moment("changed_at", default=True))
    op.create_table("silences", _text("rule_id", key=True), _moment("until"), _text("by", default=""), _text("reason", default=""))
    _alerts()
    _messages()
    _notifications()


def _alerts() -> None:
    op.create_table(
        "alerts",
        _text("alert_id", key=True),
        _text("fingerprint"),
        _text("rule_id"),
        _text("subject"),
        _text("thing"),
        _text("state"),
        sa.Column("told", sa.Boolean, nullable=False),
        _moment("opened_at"),
        _moment("changed_at"),
        _moment("fired_at", nullable=True),
        _moment("pending_until", nullable=True),
        _moment("resolved_at", nullable=True),
        _moment("heard_at", default=True),
        _json("body"),
    )
    still_open = sa.text("resolved_at IS NULL")
    op.create_index("alerts_newest", "alerts", ["fingerprint", "opened_at"])
    op.create_index("alerts_open", "alerts", ["fingerprint"], unique=True, postgresql_where=still_open)
    op.create_index("alerts_of_rule", "alerts", ["rule_id"], postgresql_where=still_open)


def _messages() -> None:
    op.create_table(
        "messages",
        _text("message_id", key=True),
        _text("rule_id"),
        _text("channel_id"),
        sa.Column("shared", sa.Boolean, nullable=False),
        _text("receipt", default=""),
        _moment("created_at", default=True),
    )
    op.create_index("messages_of_rule", "messages", ["rule_id", "channel_id"])
    op.create_table(
        "message_alerts",
        sa.Column("message_id", sa.Text, sa.ForeignKey("messages.message_id", ondelete="CASCADE"), primary_key=True),
        _text("alert_id", key=True),
    )
    op.create_index("message_alerts_by_alert", "message_alerts", ["alert_id"])


def _notifications() -> None:
    op.create_table(
        "notifications",
        _text("notification_id", key=True),
        _text("message_id"),
        _text("channel_id"),
        _text("alert_id", nullable=True),
        _text("request_id", nullable=True),
        _text("transition"),
        _text("status"),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        _moment("created_at"),
        _moment("changed_at"),
        _moment("next_attempt_at", nullable=True),
        _moment("lease_until", nullable=True),
        _text("claimed_by", default=""),
        _text("receipt", default=""),
        _text("reason", default=""),
        sa.Column("possible_duplicate", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    unsent = sa.text("status IN ('waiting', 'sending')")
    op.create_index("notifications_unsent", "notifications", ["message_id", "created_at"], postgresql_where=unsent)
    op.create_index("notifications_of_channel", "notifications", ["channel_id", "changed_at"])


def downgrade() -> None:
    for table in ("notifications", "message_alerts", "messages", "alerts", "silences", "runs", "dags", "clusters", "channels", "rules"):
        op.drop_table(table)
    drop_delivery_tables(op)
