"""News from the topics: each is kept, turned into something to judge, and judged by the rules about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from alerter.application.pipeline import Telling
from alerter.application.ports import Store
from alerter.application.rulebook import RuleBook
from alerter.domain import happening
from alerter.domain.alert import Alert, fingerprint
from alerter.domain.happening import DagFacts, Happening, RunFacts, SeenOn
from alerter.domain.rule import Judgement, Rule, Verdict
from shared.contracts.alerts import RuleSubject
from shared.contracts.clusters import ClusterObserved
from shared.contracts.dags import DagRunsObserved, DagsObserved
from shared.contracts.metrics import MetricSamples
from shared.contracts.runs import ComponentFinished, RunFinished, RunReopened, RunStarted


class Happenings:
    """The use cases of the observation topics. Each runs inside the transaction of its batch."""

    def __init__(self, telling: Telling, rules: RuleBook) -> None:
        self._telling = telling
        self._rules = rules

    async def clusters_observed(self, observed: Sequence[ClusterObserved], store: Store) -> None:
        """Keep them; the watch judges clusters, because their ages change without any news."""
        await store.observe(observed)

    async def dags_observed(self, observed: Sequence[DagsObserved | DagRunsObserved], store: Store) -> None:
        found: list[Happening] = []
        for seen in observed:
            if isinstance(seen, DagsObserved):
                await store.put_dags(seen.cluster_id, seen.dags)
            else:
                found += await _dag_runs(seen, store)
        await self._judge(RuleSubject.DAG_RUN, found, store)

    async def runs_changed(self, events: Sequence[object], store: Store) -> None:
        """Follow workflow runs; starting, finishing and being opened again are judged."""
        ids = {event.run_id for event in events if isinstance(event, _FOLLOWED)}
        known = await store.runs(ids) if ids else {}
        found: list[Happening] = []
        changed: dict[str, RunFacts] = {}
        for event in events:
            if not isinstance(event, _FOLLOWED):
                continue
            run = _after(known.get(event.run_id), event)
            if run is None or run == known.get(event.run_id):
                continue
            known[event.run_id] = changed[event.run_id] = run
            if not isinstance(event, ComponentFinished):
                found.append(happening.workflow_run(run))
        # A run that is well over is not needed any more; a failed one may be opened again.
        over = {run.run_id for run in changed.values() if run.status in {"succeeded", "cancelled"}}
        await store.put_runs([run for run in changed.values() if run.run_id not in over])
        await store.forget_runs(over)
        await self._judge(RuleSubject.WORKFLOW_RUN, found, store)

    async def samples_received(self, received: Sequence[tuple[MetricSamples, datetime]], store: Store) -> None:
        found = [happening.sample(batch.source, seen, at) for batch, at in received for seen in batch.samples]
        await self._judge(RuleSubject.SAMPLE, found, store)

    async def _judge(self, subject: RuleSubject, found: Sequence[Happening], store: Store) -> None:
        if not found:
            return
        await self._rules.refresh(store)
        rules = self._rules.about(subject)
        if not rules:
            return
        asked = [(rule, item) for item in found for rule in rules]
        if subject is RuleSubject.SAMPLE:
            open_ones = {alert.fingerprint for alert in await store.open_of(subject=subject.value)}
            await store.heard(_names(asked) & open_ones if open_ones else ())
        telling = await _worth_a_lock(asked, store)
        if not telling:
            return
        await store.lock()
        marks = {name: dict(alert.mark) for name, alert in (await store.newest(_names(telling))).items()}
        judged: list[tuple[Rule, Judgement]] = []
        for rule, item in telling:
            name = fingerprint(rule.rule_id, item.thing.key)
            judgement = happening.judge(rule, item, marks.get(name) or None)
            if judgement.verdict in {Verdict.TRUE, Verdict.FALSE} and judgement.mark:
                marks[name] = dict(judgement.mark)
            judged.append((rule, judgement))
        await self._telling.judged(judged, store, await store.now())


_FOLLOWED = (RunStarted, ComponentFinished, RunFinished, RunReopened)


def _names(asked: Iterable[tuple[Rule, Happening]]) -> set[str]:
    return {fingerprint(rule.rule_id, item.thing.key) for rule, item in asked}


async def _worth_a_lock(asked: Sequence[tuple[Rule, Happening]], store: Store) -> list[tuple[Rule, Happening]]:
    """Leave out what says "false" about a thing without an open alert: the common case, which changes nothing."""
    verdicts = [(rule, item, happening.judge(rule, item, None).verdict) for rule, item in asked]
    verdicts = [entry for entry in verdicts if entry[2] is not Verdict.SAYS_NOTHING]
    accused = _names((rule, item) for rule, item, verdict in verdicts if verdict is not Verdict.FALSE)
    cleared = _names((rule, item) for rule, item, verdict in verdicts if verdict is Verdict.FALSE) - accused
    standing = await store.newest(cleared)
    return [
        (rule, item) for rule, item, _ in verdicts if fingerprint(rule.rule_id, item.thing.key) in accused or _open(standing, rule, item)
    ]


def _open(standing: Mapping[str, Alert], rule: Rule, item: Happening) -> bool:
    alert = standing.get(fingerprint(rule.rule_id, item.thing.key))
    return alert is not None and alert.open


async def _dag_runs(seen: DagRunsObserved, store: Store) -> list[Happening]:
    cluster = next(iter(await store.clusters([seen.cluster_id])), None)
    environment = cluster.registered.environment if cluster and cluster.registered else ""
    on = SeenOn(seen.cluster_id, cluster.name if cluster else seen.cluster_id, environment)
    facts = await store.dags(seen.cluster_id, {run.dag_id for run in seen.runs})
    return [
        happening.dag_run(on, run, facts.get(run.dag_id, DagFacts()), observed_at=seen.observed_at, first_sight=seen.first_sight)
        for run in seen.runs
    ]


def _after(run: RunFacts | None, event: object) -> RunFacts | None:
    """Return a run after one of its events; None while its beginning is not known."""
    if isinstance(event, RunStarted):
        return RunFacts(event.run_id, event.workflow_id, event.workflow, event.version, "running", event.at, event.at)
    if isinstance(event, RunFinished):
        known = run or RunFacts(event.run_id, event.workflow_id, event.workflow, event.version, "", event.started_at, event.at)
        if event.status == "succeeded":
            known = replace(known, component="", failure_code="", failure_message="")
        return replace(known, status=event.status, at=event.at, message=event.message, started_at=event.started_at)
    if run is None:
        return None
    if isinstance(event, RunReopened):
        return replace(run, status="running", at=event.at, component="", failure_code="", failure_message="", message="")
    if isinstance(event, ComponentFinished) and event.status == "failed" and not run.component:
        failure = event.failure
        return replace(
            run,
            component=event.component,
            failure_code=failure.code if failure else "",
            failure_message=failure.message if failure else "",
        )
    return run
