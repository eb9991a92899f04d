"""One simulated cluster as a server: its world, its users, its dialect and its misbehaviour."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams

from simulated_airflow.catalogue import DagSpec
from simulated_airflow.lists import MAXIMUM_PAGE, BadQuery
from simulated_airflow.world import Run, Task, World

WRITERS = frozenset({"admin", "op"})


class Cluster:
    """What both dialects share: the world, who may sign in, and the switches of the control endpoint."""

    def __init__(self, dags: tuple[DagSpec, ...], *, seed: int, users: dict[str, str], history: timedelta = timedelta(hours=1)) -> None:
        self.clock_skew = timedelta()
        self.users = users
        self.maximum_page = MAXIMUM_PAGE
        self.lying_scheduler = False
        self.requests: Counter[str] = Counter()
        self.world = World(dags, seed=seed, now=self.now(), history=history)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_skew

    def advance(self) -> None:
        self.world.advance(self.now())

    def knows(self, name: str, password: str) -> bool:
        return name in self.users and self.users[name] == password

    def may_write(self, name: str) -> bool:
        return name in WRITERS

    def beat(self) -> datetime:
        """The newest heartbeat of the parts that never stop here."""
        now = self.now()
        return now - timedelta(seconds=now.timestamp() % 5)

    def scheduler_health(self) -> tuple[str, datetime]:
        """Airflow's word and the heartbeat; a lying scheduler is called healthy however old its heartbeat is."""
        beat = self.world.scheduler_heartbeat
        late = self.now() - beat > timedelta(seconds=30)
        return ("unhealthy" if late and not self.lying_scheduler else "healthy", beat)

    def choose_dags(self, params: QueryParams) -> list[DagSpec]:
        found = list(self.world.dags.values())
        if pattern := params.get("dag_id_pattern"):
            found = [dag for dag in found if pattern.strip("%").lower() in dag.dag_id.lower()]
        if tags := params.getlist("tags"):
            found = [dag for dag in found if set(tags) & set(dag.tags)]
        if paused := params.get("paused"):
            found = [dag for dag in found if self.world.paused[dag.dag_id] == (paused.lower() == "true")]
        order = params.get("order_by", "dag_id")
        if order not in {"dag_id", "-dag_id"}:
            raise BadQuery(f"Ordering with '{order.removeprefix('-')}' is disallowed or the attribute does not exist on the model")
        return found[::-1] if order == "-dag_id" else found

    def find_task(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> tuple[Run, Task] | None:
        run = self.world.runs.get((dag_id, run_id))
        if run is None:
            return None
        return next(((run, task) for task in run.tasks if task.spec.task_id == task_id and task.map_index == map_index), None)

    def pool(self) -> dict[str, Any]:
        states = Counter(task.state for run in self.world.runs.values() if run.state == "running" for task in run.tasks)
        busy = states["running"] + states["queued"]
        return {
            "deferred_slots": 0,
            "description": "Default pool",
            "include_deferred": False,
            "name": "default_pool",
            "occupied_slots": busy,
            "open_slots": 128 - busy,
            "queued_slots": states["queued"],
            "running_slots": states["running"],
            "scheduled_slots": states["scheduled"],
            "slots": 128,
        }

    def count(self, method: str, path: str) -> None:
        """Note a request by the kind of its path, so that a test can tell what a poll cost."""
        self.requests[f"{method} {re.sub(r'/dags/[^/~]+', '/dags/{id}', path)}"] += 1
