"""What time alone changes, looked at every second: heartbeats that stop, clusters that fall silent, holds that end."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from alerter.application.pipeline import Telling
from alerter.application.ports import Store
from alerter.application.rulebook import ClusterBook, RuleBook
from alerter.application.stages.evaluate import Change
from alerter.domain.alert import Alert, advance, fingerprint, promote, went_silent
from alerter.domain.cluster import judge
from alerter.domain.rule import Judgement, Rule
from alerter.domain.silence import silenced
from alerter.domain.subject import in_words
from shared.contracts.alerts import AlertState, RuleSubject

ORPHAN_SECONDS = 60.0
"""How long a notification waits for a channel that is not known yet: rules and channels come on different topics."""


class Watch:
    """Looks at everything that can change by itself. Several replicas may look; the alerts' lock makes it once."""

    def __init__(
        self,
        transaction: Callable[[], AbstractAsyncContextManager[Store]],
        telling: Telling,
        rules: RuleBook,
        clusters: ClusterBook,
        *,
        samples_silent_after: float,
    ) -> None:
        self._transaction = transaction
        self._telling = telling
        self._rules = rules
        self._clusters = clusters
        self._samples_silent_after = samples_silent_after
        self._awake_since: datetime | None = None

    async def look(self) -> None:
        """Look once."""
        async with self._transaction() as store:
            now = await store.now()
            self._awake_since = self._awake_since or now
            await self._rules.refresh(store)
            judged = await self._judged(store, now, self._awake_since)
            await self._telling.judged(judged, store, now)
            await self._elapsed(store, now)

    async def tidy(self) -> None:
        """Forget what is long over, and fail what waits for a channel that does not exist."""
        async with self._transaction() as store:
            await store.tidy()
            await store.fail_orphans(ORPHAN_SECONDS)

    async def _judged(self, store: Store, now: datetime, awake_since: datetime) -> list[tuple[Rule, Judgement]]:
        """Return only the judgements that would change an alert, so that a quiet second writes nothing and locks nothing."""
        clusters = await self._clusters.refresh(store)
        rules = self._rules.about(RuleSubject.CLUSTER)
        if not clusters or not rules:
            return []
        standing = {alert.fingerprint: alert for alert in await store.open_of(subject=RuleSubject.CLUSTER.value)}
        judged = []
        for cluster in clusters:
            for rule in rules:
                judgement = judge(rule, cluster, now, awake_since=awake_since)
                before = standing.get(fingerprint(rule.rule_id, cluster.cluster_id))
                if advance(before, rule, judgement, now, lambda: "new") != before:
                    judged.append((rule, judgement))
        return judged

    async def _elapsed(self, store: Store, now: datetime) -> None:
        due = await store.due(now)
        silences = await store.silences() if due else []
        due = [alert for alert in due if alert.state is AlertState.PENDING or not silenced(alert.rule_id, silences, now)]
        silent = await store.unheard_since(now - timedelta(seconds=self._samples_silent_after))
        if not due and not silent:
            return
        await store.lock()
        changes: list[Change] = []
        for alert in due:
            changes += _changed(await store.by_id(alert.alert_id), lambda fresh: _told_late(promote(fresh, now), now))
        evidence = f"No sample for {in_words(self._samples_silent_after)} s."
        for alert in silent:
            changes += _changed(await store.by_id(alert.alert_id), lambda fresh: went_silent(fresh, now, evidence))
        await store.save([change.after for change in changes])
        await self._telling.changed(changes, store, now)


def _changed(fresh: Alert | None, step: Callable[[Alert], Alert]) -> list[Change]:
    """Apply a step to an alert as it is under the lock; nothing when it is over or would stay the same."""
    if fresh is None or not fresh.open:
        return []
    after = step(fresh)
    return [Change(fresh, after)] if after != fresh else []


def _told_late(alert: Alert, now: datetime) -> Alert:
    """Return a firing alert that a silence kept quiet as changed now, so that it is told."""
    return replace(alert, changed_at=now) if alert.state is AlertState.FIRING and not alert.told else alert
