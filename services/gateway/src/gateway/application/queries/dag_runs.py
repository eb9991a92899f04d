"""Pages of one DAG run and of a task's log: the tasks and the log are read from Airflow while somebody waits."""

from datetime import datetime

from gateway.application.answers.dags import DagRunAnswer
from gateway.application.ports.services import NotThere, ServiceIsAway
from gateway.application.queries.base import Queries
from gateway.application.queries.dags import counts_of, seen_of, trigger_of
from gateway.application.queries.task_logs import MOST_BYTES, MOST_SECONDS, ReadLog, read_log
from gateway.application.queries.words import between, path, plural, took, with_query
from gateway.application.views.dags import DagRunPage, StateCount, TaskAt, TaskLogPage, TaskRow
from gateway.application.views.parts import Fact, FilterChip, Seen, StateView, Trouble, state_view
from gateway.application.views.shell import Person
from shared.contracts.dags import TaskInstanceSeen
from shared.contracts.internal import TaskInstances
from shared.runtime.clock import now


def _log_url(at: TaskAt, task: TaskInstanceSeen | None = None, try_number: int | None = None) -> str:
    task_id = task.task_id if task else at.task_id
    map_index = task.map_index if task else at.map_index
    url = path("dags", at.cluster_id, at.dag_id, "runs", at.run_id, "tasks", task_id, "log")
    return with_query(url, map_index=str(map_index) if map_index >= 0 else "", **{"try": str(try_number) if try_number else ""})


def _trouble(what: str, error: Exception) -> Trouble:
    return Trouble(
        title=f"{what} can't be read now", text=str(error), hint="Everything else on this page is from the read model, with its age."
    )


class DagRunQueries(Queries):
    """One DAG run and its logs."""

    async def dag_run(self, person: Person, cluster_id: str, dag_id: str, run_id: str) -> DagRunPage | None:  # noqa: ARG002
        dag, run = await self._reads.dag(cluster_id, dag_id, runs=0), await self._reads.dag_run(cluster_id, dag_id, run_id)
        if dag is None or run is None:
            return None
        found: TaskInstances | None = None
        trouble: Trouble | None = None
        try:
            found = await self._on_demand.task_instances(cluster_id, dag_id, run_id)
        except (ServiceIsAway, NotThere) as error:
            trouble = _trouble("The tasks", error)
        at = TaskAt(cluster_id=cluster_id, dag_id=dag_id, run_id=run_id, task_id="")
        state = state_view(run.state)
        return DagRunPage(
            cluster_id=cluster_id,
            cluster=dag.cluster,
            cluster_url=path("clusters", cluster_id),
            dag_id=dag_id,
            dag_url=path("dags", cluster_id, dag_id),
            run_id=run_id,
            state=StateView(tone="unknown", word=f"{state.word} when last seen") if dag.stale else state,
            sentence=_sentence(run, found),
            seen=Seen(at=run.observed_at, stale=dag.stale, source="cluster-poller") if dag.stale else seen_of(dag),
            counts=_counts(run, found),
            facts=_facts(run),
            tasks=None if found is None else tuple(_task(task, run, at) for task in found.tasks),
            actions=(trigger_of(dag),),
            trouble=trouble,
        )

    async def task_log(self, person: Person, task: TaskAt) -> TaskLogPage | None:  # noqa: ARG002
        dag = await self._reads.dag(task.cluster_id, task.dag_id, runs=0)
        run = await self._reads.dag_run(task.cluster_id, task.dag_id, task.run_id)
        if dag is None or run is None:
            return None
        instance: TaskInstanceSeen | None = None
        number, log = task.try_number or 1, ReadLog((), "broke_off")
        try:
            found = await self._on_demand.task_instances(task.cluster_id, task.dag_id, task.run_id)
            instance = next((one for one in found.tasks if one.task_id == task.task_id and one.map_index == task.map_index), None)
            number = task.try_number or (max(instance.try_number, 1) if instance else 1)
            log = await read_log(self._on_demand, task, number)
        except (NotThere, ServiceIsAway) as error:
            log = ReadLog((), "broke_off", error=error)
        writes = log.end == "goes_on" or (instance is not None and instance.state == "running" and number == instance.try_number)
        tries = range(1, max(instance.try_number if instance else 1, number) + 1)
        return TaskLogPage(
            cluster=dag.cluster,
            cluster_url=path("clusters", task.cluster_id),
            dag_id=task.dag_id,
            dag_url=path("dags", task.cluster_id, task.dag_id),
            run_id=task.run_id,
            run_url=path("dags", task.cluster_id, task.dag_id, "runs", task.run_id),
            task_id=task.task_id if task.map_index < 0 else f"{task.task_id} [{task.map_index}]",
            state=state_view(instance.state or "none") if instance else state_view(None),
            tries=tuple(FilterChip(label=f"Try {one}", url=_log_url(task, try_number=one), active=one == number) for one in tries),
            lines=log.lines,
            note=_log_note(log),
            running=writes,
            live=f"dag_run:{task.cluster_id}/{task.dag_id}/{task.run_id}",
            seen=Seen(at=log.read_at, stale=log.read_at is None, source="Airflow, on demand"),
            download_url=with_query(_log_url(task, try_number=number), download="1") if log.lines else "",
            trouble=None if log.error is None else _trouble("The log", log.error),
        )


def _log_note(log: ReadLog) -> str:
    """Say what is shown of a log where that is not all of it."""
    shown = plural(len(log.lines), "line")
    match log.end:
        case "goes_on":
            return f"{shown} so far. The task has not ended its log; this page reads on while it is open."
        case "too_long":
            return f"The log is longer than {MOST_BYTES // 1_000_000} MB. Its beginning is shown, {shown}; the rest is in Airflow."
        case "too_slow":
            return f"The cluster answers slowly: what came in {MOST_SECONDS:g} s is shown, {shown}. The rest is in Airflow."
        case "broke_off" if log.lines:
            return f"The reading broke off: the first {shown} are shown."
    return ""


def _sentence(run: DagRunAnswer, found: TaskInstances | None) -> str:
    failed = [task.task_id for task in found.tasks if task.state == "failed"] if found else []
    lasted = between(run.started_at, run.ended_at)
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        return f"{failed[0]}{more} failed"
    if run.state == "running":
        moving = [task.task_id for task in found.tasks if task.state == "running"] if found else []
        return f"{moving[0]} is running" if moving else "It is running"
    if run.state == "success" and lasted is not None:
        return f"It succeeded in {took(lasted)}"
    return state_view(run.state).word


def _counts(run: DagRunAnswer, found: TaskInstances | None) -> tuple[StateCount, ...]:
    if found is None:
        return counts_of(run) or ()
    counts: dict[str, int] = {}
    for task in found.tasks:
        counts[task.state or "none"] = counts.get(task.state or "none", 0) + 1
    return tuple(StateCount(state=state_view(state), count=number) for state, number in sorted(counts.items()))


def _facts(run: DagRunAnswer) -> tuple[Fact, ...]:
    facts = [Fact(label="Run id", value=run.dag_run_id, mono=True)]
    if run.run_type:
        facts.append(Fact(label="Kind", value=run.run_type.replace("_", " ")))
    for label, at in (("For", run.sort_at), ("Started", run.started_at), ("Ended", run.ended_at)):
        if at is not None:
            facts.append(Fact(label=label, value=at.strftime("%Y-%m-%d %H:%M:%S UTC")))
    lasted = between(run.started_at, run.ended_at)
    if lasted is not None:
        facts.append(Fact(label="Took", value=took(lasted)))
    if run.note:
        facts.append(Fact(label="Note", value=run.note))
    return tuple(facts)


def _task(task: TaskInstanceSeen, run: DagRunAnswer, at: TaskAt) -> TaskRow:
    end = run.ended_at or now()
    offset, width = _placed(task, run.started_at, end)
    return TaskRow(
        task_id=task.task_id,
        label=task.task_id if task.map_index < 0 else f"{task.task_id} [{task.map_index}]",
        operator=task.operator,
        state=state_view(task.state or "none"),
        tries=task.try_number or None,
        started=task.started_at,
        took_seconds=task.duration_seconds
        if task.duration_seconds is not None
        else between(task.started_at, task.ended_at or (now() if task.state == "running" else None)),
        log_url=_log_url(at, task),
        offset=offset,
        width=width,
    )


def _placed(task: TaskInstanceSeen, start: datetime | None, end: datetime) -> tuple[float | None, float | None]:
    whole = between(start, end)
    begun = between(start, task.started_at)
    if not whole or begun is None or task.started_at is None:
        return None, None
    lasted = between(task.started_at, task.ended_at or end) or 0.0
    offset = min(begun / whole, 1.0)
    return offset, min(lasted / whole, 1.0 - offset)
