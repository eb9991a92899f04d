"""What happens once: a DAG run changes, a workflow run ends, a sample arrives. Each is judged as it comes.

Failures must recover, so an alert belongs to the DAG or the workflow and not to the single run:

- it fires when the expression is true for a run;
- it resolves when a run *at or after* the guilty one finishes (succeeds or fails) with the expression false. A run that is
  still going, or was cancelled, is no evidence;
- a happening that is older than the last one judged is old news and changes nothing.

A sample resolves as soon as the expression is false for the same series.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from alerter.domain.rule import Judgement, Rule, Verdict
from alerter.domain.subject import Thing, Value
from shared.contracts.alerts import RuleSubject
from shared.contracts.dags import DagRunSeen
from shared.contracts.metrics import Sample


@dataclass(frozen=True)
class Happening:
    """Something that a rule can be asked about, once."""

    subject: RuleSubject
    thing: Thing
    values: Mapping[str, Value]
    order: datetime
    """Where it stands among its like, e.g. the run's logical date."""
    at: datetime
    """When it happened."""
    name: str = ""
    """Tells this run from the others; empty where they are all the same, as samples are."""
    finished: bool = True
    history: bool = False
    """Found when the thing was first read: it may end an alert and never starts one."""
    note: str = ""

    @property
    def mark(self) -> dict[str, str]:
        if not self.name:
            return {}
        return {"name": self.name, "order": self.order.isoformat(), "at": self.at.isoformat()}


def judge(rule: Rule, happening: Happening, last: Mapping[str, str] | None) -> Judgement:
    """Judge one happening; ``last`` is the mark of the one that was judged last for the same rule and thing."""
    thing = happening.thing
    answer = rule.expression.ask(happening.values)
    evidence = "; ".join(part for part in (happening.note, rule.evidence(happening.values)) if part)
    nothing = Judgement(thing, Verdict.SAYS_NOTHING, "", happening.values)
    if answer.value is None:
        missing = rule.expression.used - happening.values.keys()
        if missing or happening.history:
            return nothing
        return Judgement(thing, Verdict.UNKNOWN, answer.problem, happening.values, happening.mark)
    if answer.value:
        if happening.history or (last and happening.name and happening.at < datetime.fromisoformat(last["at"])):
            return nothing
        if last and last.get("name") == happening.name and last["at"] == happening.mark.get("at"):
            return nothing
        return Judgement(thing, Verdict.TRUE, evidence, happening.values, happening.mark)
    if not happening.finished or (last and not _at_or_after(happening, last)):
        return nothing
    return Judgement(thing, Verdict.FALSE, evidence, happening.values, happening.mark)


def _at_or_after(happening: Happening, last: Mapping[str, str]) -> bool:
    if last["name"] == happening.name:
        return happening.at >= datetime.fromisoformat(last["at"])
    return happening.order >= datetime.fromisoformat(last["order"])


@dataclass(frozen=True)
class DagFacts:
    """What a run inherits from its DAG."""

    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeenOn:
    """The cluster that a run was seen on."""

    cluster_id: str
    name: str
    environment: str = ""


def dag_run(cluster: SeenOn, run: DagRunSeen, facts: DagFacts, *, observed_at: datetime, first_sight: bool) -> Happening:
    """Return a DAG run as something to judge."""
    begun = run.started_at
    duration = 0.0 if begun is None else max(0.0, ((run.ended_at or observed_at) - begun).total_seconds())
    values: dict[str, Value] = {
        "cluster": cluster.name,
        "environment": cluster.environment,
        "dag_id": run.dag_id,
        "tags": list(facts.tags),
        "owners": list(facts.owners),
        "run_id": run.dag_run_id,
        "run_type": run.run_type,
        "state": run.state,
        "duration": duration,
    }
    if run.task_counts is not None:
        values["failed_tasks"] = run.task_counts.get("failed", 0)
    where = f"{cluster.name} · {run.dag_id}"
    labels = {"cluster": cluster.name, "dag": run.dag_id}
    return Happening(
        subject=RuleSubject.DAG_RUN,
        thing=Thing(f"{cluster.cluster_id}/{run.dag_id}", where, f"/dags/{cluster.cluster_id}/{run.dag_id}/", labels),
        values=values,
        order=run.sort_at,
        at=run.ended_at or run.started_at or run.sort_at,
        name=run.dag_run_id,
        finished=run.state in {"success", "failed"},
        history=first_sight,
        note=f"run {run.dag_run_id} {run.state}",
    )


@dataclass(frozen=True)
class RunFacts:
    """A workflow run as its outcomes tell it up to now."""

    run_id: str
    workflow_id: str
    workflow: str
    version: int
    status: str
    started_at: datetime
    at: datetime
    component: str = ""
    """The first component that failed."""
    failure_code: str = ""
    failure_message: str = ""
    message: str = ""


def workflow_run(run: RunFacts) -> Happening:
    """Return a workflow run as something to judge."""
    values: dict[str, Value] = {
        "workflow": run.workflow,
        "version": run.version,
        "run_id": run.run_id,
        "status": run.status,
        "duration": max(0.0, (run.at - run.started_at).total_seconds()),
        "component": run.component,
        "failure_code": run.failure_code,
        "failure_message": run.failure_message,
        "message": run.message,
    }
    why = f": {run.component} {run.failure_code}: {run.failure_message}" if run.component else ""
    return Happening(
        subject=RuleSubject.WORKFLOW_RUN,
        thing=Thing(run.workflow_id, run.workflow, f"/runs/{run.run_id}/", {"workflow": run.workflow}),
        values=values,
        order=run.started_at,
        at=run.at,
        name=run.run_id,
        finished=run.status in {"succeeded", "failed"},
        note=f"run {run.run_id} {run.status}{why}",
    )


def sample(source: str, seen: Sample, received_at: datetime) -> Happening:
    """Return a sample as something to judge. Its series is named by the source, the name and all labels."""
    labels = ",".join(f"{key}={value}" for key, value in sorted(seen.labels.items()))
    at = seen.at or received_at
    return Happening(
        subject=RuleSubject.SAMPLE,
        thing=Thing(f"{source}/{seen.name}{{{labels}}}", f"{source} · {seen.name}", "", {**seen.labels, "source": source}),
        values={"source": source, "name": seen.name, "value": seen.value, "labels": dict(seen.labels)},
        order=at,
        at=at,
    )
