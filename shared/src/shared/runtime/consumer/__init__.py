"""Batches in, one transaction each, explicit offsets out: the only way in which a service reads a topic."""

from shared.runtime.consumer.bus import Bus
from shared.runtime.consumer.received import Handler, Received, Reject

__all__ = ["Bus", "Handler", "Received", "Reject"]
