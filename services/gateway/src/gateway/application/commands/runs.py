"""What people ask of runs: start, cancel, retry. The executor decides; until it answers, a run is ``asked``."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.application.commands.workflows import refuse_retired
from gateway.application.definitions import Actor, Entry
from gateway.application.ports.work import Work, Works
from gateway.domain.inputs import check_inputs
from gateway.domain.nearest import meant
from gateway.domain.problems import Conflict, FieldProblem, Invalid, Missing
from shared.contracts.base import Json
from shared.contracts.runs import CancelRun, RetryNow, RetryRun, StartRun
from shared.contracts.topics import RUNS_COMMANDS
from shared.runtime.ids import new_id

MAX_INPUTS_BYTES = 64 * 1024
ENDED = ("succeeded", "failed", "cancelled", "refused")


class StartInput(BaseModel):
    """Which workflow to start, by name or id, and with what."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"workflow": "order-processing", "version": "latest", "inputs": {}}]}
    )

    workflow: str = Field(min_length=1, max_length=100)
    version: int | Literal["latest"] = "latest"
    inputs: dict[str, Json] = {}


class RetryInput(BaseModel):
    """Which components run again. ``only``: these and what could not run because of them; ``following``: and all behind them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"components": ["OrderQueue"], "scope": "only"}]})

    components: tuple[str, ...] = Field(default=(), max_length=500, description="Empty: all that failed.")
    scope: Literal["only", "following"] = "only"


def _check_plain(inputs: dict[str, Any]) -> None:
    """Raise Invalid for inputs that are too large, or that no JSON column can hold."""
    try:
        text = json.dumps(inputs, allow_nan=False)
    except ValueError:
        raise Invalid(FieldProblem("inputs", "A number is larger than a number can be.", "Write it as a text.")) from None
    if len(text) > MAX_INPUTS_BYTES:
        raise Invalid(
            FieldProblem("inputs", f"The inputs have more than {MAX_INPUTS_BYTES // 1024} KB.", "Put data into a topic or a table.")
        )
    if _holds_nul(inputs):
        raise Invalid(FieldProblem("inputs", "A text holds the character NUL.", "Remove it."))


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any("\0" in key or _holds_nul(item) for key, item in value.items())
    return any(_holds_nul(item) for item in value) if isinstance(value, list) else isinstance(value, str) and "\0" in value


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
        start = StartRun(workflow=workflow.name, version=version, inputs=given.inputs, run_id=run_id, requested_by=actor.name)
        await work.run_asked(start, workflow_id=workflow.id, version=version, trigger=actor.via)
        work.publish(RUNS_COMMANDS, start, key=run_id)
        await self._note(work, actor, run_id, "run.start", workflow.name, {"version": version})
        return run_id

    async def cancel(self, actor: Actor, run_id: str, *, reason: str = "") -> None:
        """Ask for a stop. What is confirmed stays; nothing further is sent."""
        async with self._works.begin() as work:
            status, workflow = await self._status(work, run_id)
            if status in ENDED:
                raise Conflict(f"The run has ended already ({status}); there is nothing to cancel.")
            await work.cancel_asked(run_id)
            work.publish(RUNS_COMMANDS, CancelRun(run_id=run_id, reason=reason, requested_by=actor.name), key=run_id)
            await self._note(work, actor, run_id, "run.cancel", workflow, {"reason": reason})

    async def retry(self, actor: Actor, run_id: str, given: RetryInput) -> None:
        """Ask for components to run again; the outcomes of all others stay as they are."""
        async with self._works.begin() as work:
            status, workflow = await self._status(work, run_id)
            components = await work.run_components(run_id)
            chosen = given.components or tuple(name for name, state in components.items() if state == "failed")
            if not chosen:
                raise Conflict(f"No component of this run has failed (the run is {status}); name the components that shall run again.")
            for name in chosen:
                if name not in components:
                    raise Invalid(FieldProblem("components", f"The run has no component '{name}'.", meant(name, components)))
                if components[name] == "running":
                    raise Conflict(f"'{name}' is running already. Wait for it, or cancel the run.", field="components")
            if status == "refused":
                raise Conflict("The run was refused and never began; start it again instead.")
            planned = [name for name in chosen if components[name] == "retrying"]
            if planned and len(planned) == len(chosen):
                # Its next attempt is planned: what is asked for is that it begins now.
                for name in planned:
                    work.publish(RUNS_COMMANDS, RetryNow(run_id=run_id, component=name, requested_by=actor.name), key=run_id)
                await self._note(work, actor, run_id, "run.retry_now", workflow, {"components": planned})
                return
            if planned:
                raise Conflict(f"'{planned[0]}' has an attempt planned; let it begin now by itself, or cancel the run.", field="components")
            command = RetryRun(run_id=run_id, components=chosen, scope=given.scope, requested_by=actor.name)
            work.publish(RUNS_COMMANDS, command, key=run_id)
            await self._note(work, actor, run_id, "run.retry", workflow, {"components": list(chosen), "scope": given.scope})

    async def retry_now(self, actor: Actor, run_id: str, component: str) -> None:
        """Ask for the planned attempt of a component to begin now."""
        async with self._works.begin() as work:
            _, workflow = await self._status(work, run_id)
            components = await work.run_components(run_id)
            if component not in components:
                raise Invalid(FieldProblem("component", f"The run has no component '{component}'.", meant(component, components)))
            if components[component] != "retrying":
                raise Conflict(f"'{component}' waits for no attempt; it is {components[component]}.", field="component")
            work.publish(RUNS_COMMANDS, RetryNow(run_id=run_id, component=component, requested_by=actor.name), key=run_id)
            await self._note(work, actor, run_id, "run.retry_now", workflow, {"component": component})

    async def _status(self, work: Work, run_id: str) -> tuple[str, str]:
        found = await work.run_status(run_id)
        if found is None:
            raise Missing("run", run_id)
        return found

    async def _note(self, work: Work, actor: Actor, run_id: str, action: str, subject: str, after: dict[str, Any]) -> None:
        entry = Entry(actor.name, action, "run", run_id, subject, after=after, reason=actor.reason, request_id=actor.request_id)
        await work.audit(entry)
        await work.changed("run", run_id)
