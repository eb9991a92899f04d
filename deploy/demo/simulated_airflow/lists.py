"""Filtering, ordering and paging of lists, as both dialects do it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from starlette.datastructures import QueryParams

from simulated_airflow.world import Run, Task, World

MAXIMUM_PAGE = 100


class BadQuery(Exception):
    """A query that Airflow answers with 400; the text is its ``detail``."""


def moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"Incorrect datetime argument: {text}") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def whole(params: QueryParams, name: str, default: int) -> int:
    try:
        return int(params.get(name, default))
    except ValueError:
        raise BadQuery(f"{name!r} is not an integer") from None


def several(params: QueryParams, name: str, *, commas: bool) -> list[str]:
    values = params.getlist(name)
    return [part for value in values for part in value.split(",")] if commas else values


RUN_ORDER: dict[str, Callable[[Run], object]] = {
    "id": lambda run: run.number,
    "dag_id": lambda run: (run.dag_id, run.number),
    "run_id": lambda run: run.run_id,
    "dag_run_id": lambda run: run.run_id,
    "state": lambda run: run.state,
    "start_date": lambda run: (run.start is not None, run.start or run.queued_at),
    "end_date": lambda run: (run.end is not None, run.end or run.queued_at),
    "updated_at": lambda run: run.updated_at,
    "run_after": lambda run: run.run_after,
    "logical_date": lambda run: (run.logical_date is not None, run.logical_date or run.run_after),
    "execution_date": lambda run: run.run_after,
}


def choose_runs(world: World, dag_id: str, params: QueryParams, *, commas: bool) -> list[Run]:
    """Give the runs that a query names, in its order."""
    runs: Iterable[Run] = (run for run in world.runs.values() if dag_id in {"~", run.dag_id})
    states = several(params, "state", commas=commas)
    if states:
        runs = (run for run in runs if run.state in states)
    if since := params.get("updated_at_gte"):
        limit = moment(since)
        runs = (run for run in runs if run.updated_at >= limit)
    order = params.get("order_by", "id")
    by = RUN_ORDER.get(order.removeprefix("-"))
    if by is None:
        raise BadQuery(f"Ordering with '{order.removeprefix('-')}' is disallowed or the attribute does not exist on the model")
    return sorted(runs, key=by, reverse=order.startswith("-"))  # type: ignore[arg-type]


def choose_tasks(world: World, dag_id: str, run_id: str, params: QueryParams, *, commas: bool) -> list[tuple[Run, Task]]:
    """Give the task instances that a query names."""
    found = [
        (run, task) for run in world.runs.values() if dag_id in {"~", run.dag_id} and run_id in {"~", run.run_id} for task in run.tasks
    ]
    states = several(params, "state", commas=commas)
    if states:
        found = [(run, task) for run, task in found if (task.state or "none") in states]
    if since := params.get("updated_at_gte"):
        limit = moment(since)
        found = [(run, task) for run, task in found if task.updated_at >= limit]
    return sorted(found, key=lambda pair: pair[1].number)
