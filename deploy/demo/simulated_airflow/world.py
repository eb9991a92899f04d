"""What happens in a simulated cluster: a scheduler that starts runs and moves their tasks, by the clock and a seed."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from simulated_airflow.catalogue import DagSpec, TaskSpec

RUNS_KEPT = 3000
HEARTBEAT_EVERY = 5.0
NEVER = datetime.min.replace(tzinfo=UTC)
TERMINAL = frozenset({"success", "failed", "upstream_failed", "skipped"})


@dataclass(slots=True)
class Attempt:
    """One try of a task; ``end`` is set when it is over."""

    start: datetime
    end: datetime | None = None
    state: str = "running"


@dataclass(slots=True)
class Task:
    spec: TaskSpec
    number: int
    identity: str
    map_index: int = -1
    state: str | None = None
    scheduled_at: datetime | None = None
    queued_at: datetime | None = None
    attempts: list[Attempt] = field(default_factory=list)
    updated_at: datetime = NEVER
    pid: int | None = None

    @property
    def start(self) -> datetime | None:
        return self.attempts[-1].start if self.attempts else None

    @property
    def end(self) -> datetime | None:
        return self.attempts[-1].end if self.attempts else None


@dataclass(slots=True)
class Run:
    dag_id: str
    run_id: str
    number: int
    run_type: str
    run_after: datetime
    logical_date: datetime | None
    queued_at: datetime
    conf: dict[str, object]
    note: str | None
    by: str | None
    tasks: list[Task]
    state: str = "queued"
    start: datetime | None = None
    end: datetime | None = None
    decided_at: datetime | None = None
    updated_at: datetime = NEVER


class World:
    """The whole state of one cluster. ``advance`` lets everything happen that is due; nothing happens in between."""

    def __init__(self, dags: tuple[DagSpec, ...], *, seed: int, now: datetime, history: timedelta = timedelta(hours=1)) -> None:
        self.seed = seed
        self.dags = {dag.dag_id: dag for dag in sorted(dags, key=lambda dag: dag.dag_id)}
        self.paused = {dag.dag_id: dag.paused for dag in dags}
        self.runs: dict[tuple[str, str], Run] = {}
        self.scheduler_on = True
        self.scheduler_heartbeat = now
        self.import_errors = True
        self._agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._numbers = 0
        self.now = now - history
        for dag in self.dags.values():
            if dag.every_seconds is not None:
                self._plan(self._next_time(dag, self.now), self._scheduler_starts(dag))
        self.advance(now)

    def random(self, *about: object) -> random.Random:
        """Give chance that depends only on the seed and what it is about."""
        return random.Random(":".join(str(part) for part in (self.seed, *about)))  # noqa: S311 - a simulation, no secret

    def advance(self, now: datetime) -> None:
        """Let everything happen that is due at ``now``. With the scheduler stopped, nothing does and its heartbeat stands."""
        if not self.scheduler_on:
            return
        while self._agenda and self._agenda[0][0] <= now:
            at, _, event = heapq.heappop(self._agenda)
            self.now = max(self.now, at)
            event(self.now)
        self.now = max(self.now, now)
        for run in self.runs.values():
            if run.state == "running":
                run.decided_at = run.updated_at = self.now
        self.scheduler_heartbeat = now - timedelta(seconds=now.timestamp() % HEARTBEAT_EVERY)

    def trigger(
        self, dag_id: str, run_id: str, *, now: datetime, conf: dict[str, object], note: str | None, logical_date: datetime | None, by: str
    ) -> Run:
        """Queue a run that somebody asked for; it starts when the scheduler comes to it and its DAG is not paused."""
        return self._create(self.dags[dag_id], run_id, "manual", now, logical_date, conf=conf, note=note, by=by)

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        self.paused[dag_id] = paused

    def delete_run(self, dag_id: str, run_id: str) -> bool:
        return self.runs.pop((dag_id, run_id), None) is not None

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _plan(self, at: datetime, event: Callable[[datetime], None]) -> None:
        heapq.heappush(self._agenda, (at, self._number(), event))

    def _next_time(self, dag: DagSpec, after: datetime) -> datetime:
        every = dag.every_seconds or 0.0
        return datetime.fromtimestamp((after.timestamp() // every + 1) * every, after.tzinfo)

    def _scheduler_starts(self, dag: DagSpec) -> Callable[[datetime], None]:
        def event(now: datetime) -> None:
            due = self._next_time(dag, now - timedelta(seconds=dag.every_seconds or 0.0))
            run_id = f"scheduled__{due.isoformat()}"
            if not self.paused[dag.dag_id] and (dag.dag_id, run_id) not in self.runs:
                self._create(dag, run_id, "scheduled", now, due, conf={}, note=None, by=None)
            self._plan(self._next_time(dag, now), event)

        return event

    def _create(
        self,
        dag: DagSpec,
        run_id: str,
        run_type: str,
        now: datetime,
        logical_date: datetime | None,
        *,
        conf: dict[str, object],
        note: str | None,
        by: str | None,
    ) -> Run:
        tasks = []
        for spec in dag.tasks:
            for index in range(spec.mapped) if spec.mapped else (-1,):
                identity = UUID(int=self.random(dag.dag_id, run_id, spec.task_id, index).getrandbits(128), version=4)
                tasks.append(Task(spec, self._number(), str(identity), index, updated_at=now))
        run = Run(
            dag.dag_id, run_id, self._number(), run_type, logical_date or now, logical_date, now, conf, note, by, tasks, updated_at=now
        )
        self.runs[dag.dag_id, run_id] = run
        self._plan(now + timedelta(seconds=0.5), lambda at: self._start(run, at))
        if len(self.runs) > RUNS_KEPT:
            oldest = min((r for r in self.runs.values() if r.end is not None), key=lambda r: r.number, default=None)
            if oldest is not None:
                del self.runs[oldest.dag_id, oldest.run_id]
        return run

    def _alive(self, run: Run) -> bool:
        return self.runs.get((run.dag_id, run.run_id)) is run

    def _start(self, run: Run, now: datetime) -> None:
        if not self._alive(run):
            return
        if self.paused[run.dag_id]:
            self._plan(now + timedelta(seconds=1), lambda at: self._start(run, at))
            return
        run.state, run.start, run.decided_at, run.updated_at = "running", now, now, now
        self._decide(run, now)

    def _decide(self, run: Run, now: datetime) -> None:
        """Do what a scheduler does with a run: start what may start, pass failures on, and end the run when all tasks ended."""
        by_task: dict[str, list[Task]] = {}
        for task in run.tasks:
            by_task.setdefault(task.spec.task_id, []).append(task)
        for task in run.tasks:
            if task.state is not None:
                continue
            states = {above.state for name in task.spec.upstream for above in by_task[name]}
            if states & {"failed", "upstream_failed"}:
                task.state, task.updated_at = "upstream_failed", now
                task.attempts.append(Attempt(now, now, "upstream_failed"))
            elif states <= {"success"}:
                task.state, task.scheduled_at, task.updated_at = "scheduled", now, now
                self._plan(now + timedelta(seconds=0.3), self._task_queued(run, task))
        if run.tasks and all(task.state in TERMINAL for task in run.tasks):
            run.state = "failed" if any(task.state in {"failed", "upstream_failed"} for task in run.tasks) else "success"
            run.end = run.decided_at = run.updated_at = now

    def _task_queued(self, run: Run, task: Task) -> Callable[[datetime], None]:
        def event(now: datetime) -> None:
            if self._alive(run):
                task.state, task.queued_at, task.updated_at = "queued", now, now
                self._plan(now + timedelta(seconds=0.4), self._task_started(run, task))

        return event

    def _task_started(self, run: Run, task: Task) -> Callable[[datetime], None]:
        def event(now: datetime) -> None:
            if not self._alive(run):
                return
            chance = self.random(run.dag_id, run.run_id, task.spec.task_id, task.map_index, len(task.attempts))
            task.state, task.updated_at, task.pid = "running", now, chance.randint(1000, 60_000)
            task.attempts.append(Attempt(now))
            if not task.spec.hangs:
                fails = len(task.attempts) <= task.spec.failing_tries or chance.random() < task.spec.chance_of_failure
                self._plan(now + timedelta(seconds=chance.uniform(*task.spec.seconds)), self._task_ended(run, task, fails=fails))

        return event

    def _task_ended(self, run: Run, task: Task, *, fails: bool) -> Callable[[datetime], None]:
        def event(now: datetime) -> None:
            if not self._alive(run):
                return
            again = fails and len(task.attempts) <= task.spec.retries
            task.state = "up_for_retry" if again else "failed" if fails else "success"
            task.attempts[-1].end, task.attempts[-1].state, task.updated_at = now, task.state, now
            if again:
                self._plan(now + timedelta(seconds=task.spec.retry_seconds), self._task_queued(run, task))
            else:
                self._decide(run, now)

        return event
