"""What a retry would do, and two runs side by side."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from gateway.application.answers.base import Answer, example
from gateway.application.answers.runs import RunDetail
from gateway.domain.comparing import Difference, differences
from gateway.domain.retrying import Preview, Standing


class RefusedAnswer(Answer):
    """Why the retry can't be asked, with the field that is meant and the way out."""

    field: str
    message: str
    hint: str = ""


class RetryPreview(Answer):
    """What a retry would do. ``may`` is false when it would be refused; ``seq`` is what ``expected_seq`` must say."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run_id": "0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01",
                    "status": "failed",
                    "seq": 41,
                    "version": 7,
                    "may": True,
                    "again": {"OrderQueue": 2, "OrderService": 2},
                    "stays": ["OrderTopic"],
                }
            ]
        }
    )

    run_id: str
    status: str
    seq: int
    version: int | None
    may: bool
    again: dict[str, int] = {}
    stays: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    succeeded_before: tuple[str, ...] = ()
    refused: tuple[RefusedAnswer, ...] = ()


def preview_answer(run: Standing, found: Preview, version: int | None) -> RetryPreview:
    """Return a preview as the API tells it."""
    return RetryPreview(
        run_id=run.run_id,
        status=run.status,
        seq=run.seq,
        version=version or run.version,
        may=not found.refused,
        again=dict(found.again),
        stays=found.stays,
        added=found.added,
        removed=found.removed,
        succeeded_before=found.succeeded_before,
        refused=tuple(RefusedAnswer(field=item.field, message=item.message, hint=item.hint) for item in found.refused),
    )


class Place(Answer):
    """One place in two JSON values; an empty text is "not there"."""

    path: str
    a: str
    b: str
    same: bool


class ComparedComponent(Answer):
    """One component in both runs; None where a run has no such component."""

    component: str
    status_a: str | None
    status_b: str | None
    seconds_a: float | None
    seconds_b: float | None
    attempts_a: int
    attempts_b: int
    outputs: tuple[Place, ...] = ()
    same: bool


class ComparedRun(Answer):
    """The facts of one of two runs."""

    id: str
    workflow: str
    version: int | None
    status: str
    business_key: str | None
    asked_at: datetime
    seconds: float | None


class RunComparison(Answer):
    """Two runs side by side."""

    model_config = example(
        a={
            "id": "0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01",
            "workflow": "order-processing",
            "version": 7,
            "status": "failed",
            "business_key": "order-4711",
            "asked_at": "2026-11-22T03:10:00Z",
            "seconds": 30.9,
        },
        b={
            "id": "0192f0c8-2a40-7c11-8e52-1b7d90aa0b02",
            "workflow": "order-processing",
            "version": 7,
            "status": "succeeded",
            "business_key": "order-4711",
            "asked_at": "2026-11-22T04:10:00Z",
            "seconds": 12.1,
        },
        inputs=[{"path": "day", "a": '"2026-11-21"', "b": '"2026-11-22"', "same": False}],
        components=[
            {
                "component": "OrderQueue",
                "status_a": "failed",
                "status_b": "succeeded",
                "seconds_a": 27.0,
                "seconds_b": 8.2,
                "attempts_a": 5,
                "attempts_b": 1,
                "outputs": [{"path": "confirmed", "a": "", "b": "10000", "same": False}],
                "same": False,
            }
        ],
    )

    a: ComparedRun
    b: ComparedRun
    inputs: tuple[Place, ...]
    components: tuple[ComparedComponent, ...]


def compare(a: RunDetail, b: RunDetail) -> RunComparison:
    """Return two runs side by side, components in the order of the first."""
    first, second = {item.component: item for item in a.components}, {item.component: item for item in b.components}
    rows = []
    for name in dict.fromkeys([*first, *second]):
        here, there = first.get(name), second.get(name)
        outputs = differences(here.output if here else {}, there.output if there else {}, only_different=True)
        statuses = (here.status if here else None, there.status if there else None)
        rows.append(
            ComparedComponent(
                component=name,
                status_a=statuses[0],
                status_b=statuses[1],
                seconds_a=_seconds(here.started_at, here.finished_at) if here else None,
                seconds_b=_seconds(there.started_at, there.finished_at) if there else None,
                attempts_a=sum(one.component == name for one in a.attempts),
                attempts_b=sum(one.component == name for one in b.attempts),
                outputs=_places(outputs),
                same=statuses[0] == statuses[1] and not outputs,
            )
        )
    return RunComparison(a=_run(a), b=_run(b), inputs=_places(differences(a.inputs, b.inputs)), components=tuple(rows))


def _places(found: tuple[Difference, ...]) -> tuple[Place, ...]:
    return tuple(Place(path=item.path, a=item.a, b=item.b, same=item.same) for item in found)


def _run(run: RunDetail) -> ComparedRun:
    seconds = _seconds(run.started_at, run.finished_at)
    plain: dict[str, Any] = {name: getattr(run, name) for name in ("id", "workflow", "version", "status", "business_key", "asked_at")}
    return ComparedRun(**plain, seconds=seconds)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else max((end - start).total_seconds(), 0.0)
