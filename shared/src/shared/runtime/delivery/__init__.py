"""State and messages that leave together: inbox, outbox, dead letters and fenced leases, all in the service's own schema."""

from shared.runtime.delivery.outbox import Outbox
from shared.runtime.delivery.tables import create_delivery_tables, drop_delivery_tables
from shared.runtime.delivery.transaction import Transaction

__all__ = ["Outbox", "Transaction", "create_delivery_tables", "drop_delivery_tables"]
