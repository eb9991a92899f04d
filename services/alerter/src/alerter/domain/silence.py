"""Silences: a rule whose alerts are kept, shown and counted, while nobody is told of a new one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Silence:
    rule_id: str
    until: datetime
    by: str = ""
    reason: str = ""

    def covers(self, rule_id: str, now: datetime) -> bool:
        return self.rule_id == rule_id and now < self.until


def silenced(rule_id: str, silences: Iterable[Silence], now: datetime) -> bool:
    """Return whether nobody is to be told of a new alert of this rule now."""
    return any(silence.covers(rule_id, now) for silence in silences)
