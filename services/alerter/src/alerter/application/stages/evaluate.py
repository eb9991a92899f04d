"""Evaluate: what judgements make of alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerter.application.ports import Alerts, NewId
from alerter.domain.alert import Alert, advance, fingerprint
from alerter.domain.rule import Judgement, Rule


@dataclass(frozen=True)
class Change:
    """An alert before and after; ``before`` is None for the first incident of a rule and a thing."""

    before: Alert | None
    after: Alert


async def evaluate(judged: Sequence[tuple[Rule, Judgement]], alerts: Alerts, now: datetime, new_id: NewId) -> list[Change]:
    """Return the changes that the judgements make, in their order, and save them."""
    await alerts.lock()
    current = await alerts.newest({fingerprint(rule.rule_id, judgement.thing.key) for rule, judgement in judged})
    first: dict[str, Alert | None] = {}
    changed: dict[str, Alert] = {}
    for rule, judgement in judged:
        name = fingerprint(rule.rule_id, judgement.thing.key)
        before = current.get(name)
        after = advance(before, rule, judgement, now, new_id)
        if after is None or after == before:
            continue
        first.setdefault(after.alert_id, before)
        current[name] = changed[after.alert_id] = after
    await alerts.save(list(changed.values()))
    return [Change(first[alert_id], after) for alert_id, after in changed.items()]
