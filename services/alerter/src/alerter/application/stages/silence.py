"""Silence: new alerts of a silenced rule are kept and shown, but nobody is told until the silence ends."""

from collections.abc import Sequence
from datetime import datetime

from alerter.application.stages.evaluate import Change
from alerter.domain.silence import Silence, silenced


def silence(changes: Sequence[Change], silences: Sequence[Silence], now: datetime) -> list[Change]:
    """Return the changes that may be told. The end of something that people were told of always may."""
    return [change for change in changes if _may_be_told(change, silences, now)]


def _may_be_told(change: Change, silences: Sequence[Silence], now: datetime) -> bool:
    return not change.after.open or not silenced(change.after.rule_id, silences, now)
