"""Chaos with a ledger: a fleet of executors, faults that are counted, and a comparison of both ends afterwards."""

from shared.testing.storm.counter import Counter
from shared.testing.storm.fleet import Executor, Fleet
from shared.testing.storm.ledger import Ledger

__all__ = ["Counter", "Executor", "Fleet", "Ledger"]
