"""What people ask of runs: start, pause, resume, cancel. The executor decides; until it answers, a run is ``asked``."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.application.commands.workflows import refuse_retired
from gateway.application.definitions import Actor, Entry
from gateway.application.ports.work import Work, Works
from gateway.domain.inputs import check_inputs
from gateway.domain.nearest import meant
from gateway.domain.problems import Conflict, FieldProblem, Invalid, Missing
from gateway.domain.retrying import Standing
from shared.contracts.base import Count, Json
from shared.contracts.runs import MOST_COMMAND_BYTES, CancelRun, PauseRun, ResumeRun, RetryNow, RetryRun, StartRun
from shared.contracts.topics import RUNS_COMMANDS
from shared.runtime.ids import new_id
from shared.runtime.plain import MOST_DEPTH, obstacle

_MOST_AUDITED = 64 * 1024
PASSABLE = "retry_budget"
"""The one limit of an endpoint that somebody's "now" passes; it holds back retries only."""
ENDED = ("succeeded", "failed", "cancelled", "refused")


class StartInput(BaseModel):
    """Which workflow to start, by name or id, and with what."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"workflow": "order-processing", "version": "latest", "inputs": {}}]}
    )

    workflow: str = Field(min_length=1, max_length=100)
    version: Count | Literal["latest"] = "latest"
    inputs: dict[str, Json] = {}
    priority: int | None = Field(default=None, ge=0, le=9, description="Among what waits for its turn; None = the workflow's.")


def _check_plain(inputs: dict[str, Any]) -> None:
    """Raise Invalid for inputs that no JSON column can hold."""
    found = obstacle(inputs)
    if found == "nul":
        raise Invalid(FieldProblem("inputs", "A text holds the character NUL.", "Remove it."))
    if found == "deep":
        raise Invalid(
            FieldProblem("inputs", f"Lists and objects are nested more than {MOST_DEPTH} deep.", "Put data into a topic or a table.")
        )
    try:
        json.dumps(inputs, allow_nan=False)
    except ValueError:
        raise Invalid(FieldProblem("inputs", "A number is larger than a number can be.", "Write it as a text.")) from None


def check_size(command: StartRun | RetryRun) -> None:
    """Raise Invalid for inputs that make a larger command than the executor takes; it is the same bound for whoever asks."""
    try:
        size = len(RUNS_COMMANDS.encode(command))
    except ValueError:
        raise Invalid(FieldProblem("inputs", "A text is no Unicode, so it can't be written.", "Correct it.")) from None
    if size > MOST_COMMAND_BYTES:
        message = f"The inputs make a command of {size:,} bytes; at most {MOST_COMMAND_BYTES:,} are taken."
        raise Invalid(FieldProblem("inputs", message, "Put data into a topic or a table, and pass where it is."))


def audited(inputs: dict[str, Any]) -> Any:
    """Return what the audit holds of inputs: all of them, or how many when a list of such lines could not be read any more."""
    size = len(json.dumps(inputs))
    return inputs if size <= _MOST_AUDITED else f"{size:,} characters; the run holds them"


class AskRuns:
    """The use cases of runs."""

    def __init__(self, works: Works) -> None:
        self._works = works

    async def start(self, actor: Actor, given: StartInput, *, work: Work | None = None) -> str:
        """Ask for a run and return its id. ``work``: a transaction that is open already."""
        _check_plain(given.inputs)
        if work is not None:
            return await self._start(work, actor, given)
        async with self._works.begin() as own:
            return await self._start(own, actor, given)

    async def _start(self, work: Work, actor: Actor, given: StartInput) -> str:
        workflow = await work.workflow_named(given.workflow) or await work.workflow(given.workflow)
        if workflow is None:
            raise Invalid(FieldProblem("workflow", f"There is no workflow '{given.workflow}'.", "Publish it first, or correct the name."))
        refuse_retired(workflow)
        version = workflow.latest if given.version == "latest" else given.version
        if not 1 <= version <= workflow.latest:
            hint = f"There are the versions 1 to {workflow.latest}." if workflow.latest > 1 else "There is version 1 only."
            raise Invalid(FieldProblem("version", f"'{workflow.name}' has no version {version}.", hint))
        record = await work.version(workflow.id, version)
        if record is None:
            raise Missing("version", f"{version} of {workflow.name}")
        problems = check_inputs(record.definition.get("inputs") or {}, given.inputs)
        if problems:
            raise Invalid(*problems)
        run_id = new_id()
        start = StartRun(
            workflow=workflow.name, version=version, inputs=given.inputs, run_id=run_id, requested_by=actor.name, priority=given.priority
        )
        check_size(start)
        await work.run_asked(start, workflow_id=workflow.id, version=version, trigger=actor.via)
        work.publish(RUNS_COMMANDS, start, key=run_id)
        after = {"version": version, "inputs": audited(given.inputs)}
        await work.audit(
            Entry(actor.name, "run.start", "run", run_id, workflow.name, after=after, reason=actor.reason, request_id=actor.request_id)
        )
        await work.changed("run", run_id)
        return run_id

    async def cancel(self, actor: Actor, run_id: str, *, reason: str = "", work: Work | None = None) -> None:
        """Ask for a stop: what was done is undone where that is declared, the rest stays. A second one stops the undoing."""
        async with self._within(work) as inner:
            run = await standing(inner, run_id)
            if run.status in ENDED:
                raise Conflict(f"The run has ended already ({run.status}); there is nothing to cancel.")
            await inner.cancel_asked(run_id)
            inner.publish(RUNS_COMMANDS, CancelRun(run_id=run_id, reason=reason, requested_by=actor.name), key=run_id)
            await note(inner, actor, run, "run.cancel", {"status": "cancelled", "reason": reason}, reason=reason)

    async def pause(self, actor: Actor, run_id: str, *, reason: str = "", work: Work | None = None) -> None:
        """Ask that nothing more starts. What is under way ends; what waits goes on waiting."""
        async with self._within(work) as inner:
            run = await standing(inner, run_id)
            if run.status in ENDED:
                raise Conflict(f"The run has ended already ({run.status}); there is nothing to pause.")
            if run.status == "paused":
                raise Conflict("The run is paused already.")
            inner.publish(RUNS_COMMANDS, PauseRun(run_id=run_id, reason=reason, requested_by=actor.name), key=run_id)
            await note(inner, actor, run, "run.pause", {"status": "paused", "reason": reason}, reason=reason)

    async def resume(self, actor: Actor, run_id: str, *, reason: str = "", work: Work | None = None) -> None:
        """Ask that a paused run goes on."""
        async with self._within(work) as inner:
            run = await standing(inner, run_id)
            if run.status != "paused":
                raise Conflict(f"The run is not paused; it is {run.status}.")
            inner.publish(RUNS_COMMANDS, ResumeRun(run_id=run_id, reason=reason, requested_by=actor.name), key=run_id)
            await note(inner, actor, run, "run.resume", {"status": "running", "reason": reason}, reason=reason)

    async def retry_now(self, actor: Actor, run_id: str, component: str, *, work: Work | None = None) -> None:
        """Ask for the planned attempt of a component to begin now, or for one that the retry budget holds. No other limit is passed."""
        async with self._within(work) as inner:
            run = await standing(inner, run_id)
            part = run.parts.get(component)
            if part is None:
                raise Invalid(FieldProblem("component", f"The run has no component '{component}'.", meant(component, run.parts)))
            if part.status == "running" and part.held and part.held != PASSABLE:
                raise Conflict(f"'{component}' is held by a limit that nobody passes; it goes on by itself.", field="component")
            if part.status != "retrying" and not (part.status == "running" and part.held):
                raise Conflict(f"'{component}' waits for no attempt; it is {part.status}.", field="component")
            inner.publish(RUNS_COMMANDS, RetryNow(run_id=run_id, component=component, requested_by=actor.name), key=run_id)
            await note(inner, actor, run, "run.retry_now", {"component": component})

    @asynccontextmanager
    async def _within(self, work: Work | None) -> AsyncIterator[Work]:
        """Go on in a transaction that is open already, or in one of its own."""
        if work is not None:
            yield work
            return
        async with self._works.begin() as own:
            yield own


async def standing(work: Work, run_id: str) -> Standing:
    """Return where a run stands; raise Missing when there is none."""
    found = await work.standing(run_id)
    if found is None:
        raise Missing("run", run_id)
    return found


async def note(work: Work, actor: Actor, run: Standing, action: str, after: dict[str, Any], *, reason: str = "") -> None:
    """Put into the audit what was asked of a run, and how the run stood before."""
    before = {"status": run.status, "seq": run.seq, "version": run.version, "components": run.statuses()}
    why = reason or actor.reason
    entry = Entry(actor.name, action, "run", run.run_id, run.workflow, before=before, after=after, reason=why, request_id=actor.request_id)
    await work.audit(entry)
    await work.changed("run", run.run_id)
