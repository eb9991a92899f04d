"""Which message an alert lives in: one of its own, or, in a flood, one that it shares with others of its rule.

A hundred DAGs that fail together would otherwise be a hundred messages. The first few alerts of a rule get their own; the
ones after that join a single message in each channel, which tells how many they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

OWN_MESSAGES = 10
"""Live messages that one rule may have in one channel before its alerts share one."""

SHOWN_IN_SHARED = 20
"""Alerts that a shared message names; the rest are a number."""


@dataclass(frozen=True)
class Live:
    """A message that is still about at least one open alert."""

    message_id: str
    rule_id: str
    channel_id: str
    shared: bool
    alert_ids: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where an alert is told in one channel."""

    message_id: str
    shared: bool
    new: bool


def place(alert_id: str, channel_id: str, rule_id: str, live: Sequence[Live], new_id: str) -> Place:
    """Return the message of an alert in a channel; ``live`` are the rule's live messages, in any channel."""
    here = [message for message in live if message.channel_id == channel_id and message.rule_id == rule_id]
    for message in here:
        if alert_id in message.alert_ids:
            return Place(message.message_id, message.shared, new=False)
    for message in here:
        if message.shared:
            return Place(message.message_id, shared=True, new=False)
    return Place(new_id, shared=len(here) >= OWN_MESSAGES, new=True)
