"""Running components of a run again: first a preview, then the wish. The executor decides and tells what it did."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.application.commands.runs import audited, check_size, note, standing
from gateway.application.definitions import Actor
from gateway.application.ports.work import Work, Works
from gateway.domain.inputs import check_inputs
from gateway.domain.problems import Conflict, FieldProblem, Invalid
from gateway.domain.retrying import Graph, Preview, Standing, Wish, graph_of, preview
from shared.contracts.base import Count, Json
from shared.contracts.runs import RetryNow, RetryRun
from shared.contracts.topics import RUNS_COMMANDS

MOVING = frozenset({"asked", "queued", "running", "waiting", "paused"})
"""A run in one of these goes on by itself or soon, so the number of its last event says little."""
Scope = Literal["only", "following", "slice", "failed"]


class RetryInput(BaseModel):
    """Which components run again, of which version, with which inputs.

    ``only``: these and what could not run because of them; ``following``: and all behind them; ``slice``: everything on a way from
    these to ``until``; ``failed``: all that failed or was parked, and what could not run because of it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"components": ["OrderQueue"], "scope": "only"},
                {"components": ["OrderTopic"], "scope": "slice", "until": "OrderQueue", "version": 7, "expected_seq": 41},
                {"scope": "failed", "inputs": {"day": "2026-11-22"}, "reason": "the queue stands again"},
            ]
        },
    )

    components: tuple[str, ...] = Field(default=(), max_length=500, description="Empty: all that failed.")
    scope: Scope = "only"
    until: str | None = Field(default=None, max_length=100, description="End of a slice.")
    version: Count | None = Field(default=None, description="Version of the workflow from here on; left out: the run's own.")
    inputs: dict[str, Json] | None = Field(default=None, description="Edited inputs for what runs again; left out: as they are.")
    expected_seq: Count | None = Field(default=None, description="'seq' of the run as you saw it: refused when it has gone on since.")
    reason: str = Field(default="", max_length=1000)

    def wish(self) -> Wish:
        """Return what is meant: nothing named means all that failed."""
        return Wish(self.components, "failed" if not self.components else self.scope, self.until)


class RetryRuns:
    """The use cases of retries."""

    def __init__(self, works: Works) -> None:
        self._works = works

    async def preview(self, run_id: str, given: RetryInput) -> tuple[Standing, Preview]:
        """Return how the run stands and what the retry would do. Nothing is changed."""
        async with self._works.begin() as work:
            run = await standing(work, run_id)
            return run, await self._look(work, run, given)

    async def _look(self, work: Work, run: Standing, given: RetryInput) -> Preview:
        other: Graph | None = None
        if given.version is not None and given.version != run.version:
            found = await work.version(run.workflow_id, given.version)
            if found is None:
                raise Invalid(
                    FieldProblem("version", f"'{run.workflow}' has no version {given.version}.", "Choose one that was published.")
                )
            other = graph_of(found.definition)
        return preview(run, given.wish(), other=other)

    async def retry(self, actor: Actor, run_id: str, given: RetryInput, *, work: Work | None = None) -> None:
        """Ask for components to run again; the outcomes of all others stay as they are. ``work``: a transaction that is open already."""
        if work is not None:
            return await self._retry(work, actor, run_id, given)
        async with self._works.begin() as own:
            return await self._retry(own, actor, run_id, given)

    async def _retry(self, work: Work, actor: Actor, run_id: str, given: RetryInput) -> None:
        run = await standing(work, run_id)
        if given.inputs == run.inputs:
            # A form sends what nobody has changed, too: that is no edit, and has no bound.
            given = given.model_copy(update={"inputs": None})
        if given.expected_seq is not None and given.expected_seq != run.seq:
            raise Conflict(
                f"The run has gone on since you looked (event {given.expected_seq}, now {run.seq}): somebody may have retried it already."
                " Look again, and repeat it if it is still needed.",
                field="expected_seq",
            )
        planned = [name for name in given.components if name in run.parts and run.parts[name].status == "retrying"]
        plain = given.scope == "only" and given.version is None and given.inputs is None
        if planned and len(planned) == len(given.components) and plain:
            # Its next attempt is planned: what is asked for is that it begins now.
            for name in planned:
                work.publish(RUNS_COMMANDS, RetryNow(run_id=run_id, component=name, requested_by=actor.name), key=run_id)
            await note(work, actor, run, "run.retry_now", {"components": planned}, reason=given.reason)
            return
        wish, found = given.wish(), await self._look(work, run, given)
        if found.refused:
            first = found.refused[0]
            if first.field in ("until", "version") or "has no component" in first.message:
                raise Invalid(*(FieldProblem(item.field, item.message, item.hint) for item in found.refused))
            raise Conflict(f"{first.message} {first.hint}".strip(), field=first.field)
        await self._check_inputs(work, run, given)
        command = RetryRun(
            run_id=run_id,
            components=found.chosen,
            scope=wish.scope,
            until=wish.until,
            version=None if given.version == run.version else given.version,
            inputs=given.inputs,
            # A run that stands still only goes on because somebody retries it: then the second of two is refused.
            expected_seq=given.expected_seq or (None if run.status in MOVING else run.seq or None),
            requested_by=actor.name,
        )
        check_size(command)
        work.publish(RUNS_COMMANDS, command, key=run_id)
        after = command.model_dump(mode="json", exclude={"command", "run_id", "requested_by"}, exclude_none=True)
        if command.inputs is not None:
            after["inputs"] = audited(command.inputs)
        await note(work, actor, run, "run.retry", {**after, "again": dict(found.again)}, reason=given.reason)

    @staticmethod
    async def _check_inputs(work: Work, run: Standing, given: RetryInput) -> None:
        """Hold edited inputs, or the old ones against another version, to what the version declares."""
        version = given.version or run.version
        if version is None or (given.inputs is None and version == run.version):
            return
        record = await work.version(run.workflow_id, version)
        declared = {} if record is None else record.definition.get("inputs") or {}
        problems = check_inputs(declared, run.inputs if given.inputs is None else given.inputs)
        if problems:
            raise Invalid(*problems)
