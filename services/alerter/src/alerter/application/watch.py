"""What time alone changes, looked at every second: heartbeats that stop, clusters that fall silent, holds that end."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerter.application.pipeline import Telling
from alerter.application.ports import Store
from alerter.application.rulebook import ClusterBook, RuleBook
from alerter.application.stages.evaluate import Change
from alerter.domain.alert import Alert, advance, fingerprint, promote, went_silent
from alerter.domain.cluster import judge_all
from alerter.domain.rule import Judgement, Rule
from alerter.domain.silence import silenced
from alerter.domain.subject import in_words
from shared.contracts.alerts import AlertState, RuleSubject

ORPHAN_SECONDS = 60.0
"""How long a notification waits for a channel that is not known yet: rules and channels come on different topics."""


@dataclass(frozen=True)
class Beat:
    """One cheap look at everything."""

    now: datetime
    versions: str
    """Changes whenever a rule, a cluster or an open alert about a cluster does."""
    due: bool
    """Whether time has made something due: a hold that ended, a silence that is over, samples that stopped."""


class Watch:
    """Looks at everything that can change by itself. Several replicas may look; the alerts' lock makes it once."""

    def __init__(
        self,
        beat: Callable[[], Awaitable[Beat]],
        transaction: Callable[[], AbstractAsyncContextManager[Store]],
        telling: Telling,
        rules: RuleBook,
        *,
        samples_silent_after: float,
    ) -> None:
        self._beat = beat
        self._transaction = transaction
        self._telling = telling
        self._rules = rules
        self._clusters = ClusterBook()
        self._standing: dict[str, Alert] = {}
        self._samples_silent_after = samples_silent_after
        self._versions = ""
        self._awake_since: datetime | None = None

    async def look(self) -> None:
        """Look once. A quiet second costs one small query and some arithmetic."""
        beat = await self._beat()
        self._awake_since = self._awake_since or beat.now
        if beat.versions != self._versions:
            async with self._transaction() as store:
                await self._learn(store)
            self._versions = beat.versions
        judged = self._judged(beat.now, self._awake_since)
        if not judged and not beat.due:
            return
        async with self._transaction() as store:
            await self._telling.judged(judged, store, beat.now)
            await self._elapsed(store, beat.now)

    async def tidy(self) -> None:
        """Forget what is long over, and fail what waits for a channel that does not exist."""
        async with self._transaction() as store:
            await store.tidy()
            await store.fail_orphans(ORPHAN_SECONDS)

    async def _learn(self, store: Store) -> None:
        await self._rules.refresh(store)
        await self._clusters.refresh(store)
        self._standing = {alert.fingerprint: alert for alert in await store.open_of(subject=RuleSubject.CLUSTER.value)}

    def _judged(self, now: datetime, awake_since: datetime) -> list[tuple[Rule, Judgement]]:
        """Return only the judgements that would change an alert, so that a quiet second writes nothing and locks nothing."""
        rules = self._rules.about(RuleSubject.CLUSTER)
        judged = []
        for cluster in self._clusters.registered:
            for rule, judgement in zip(rules, judge_all(rules, cluster, now, awake_since=awake_since), strict=True):
                before = self._standing.get(fingerprint(rule.rule_id, cluster.cluster_id))
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
