"""Commands to runs that exist, obeyed by the executor that owns the run."""

from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from executor.application.admission import Admission
from executor.application.engine import STOP_SECONDS, Active, Engine
from executor.application.entries import Journal, Request, Stored
from executor.application.inputs import obstacle_to
from executor.application.registries import Plan, Plans
from executor.application.run_queue import RunQueue
from executor.domain.events import MOST_BYTES as MOST_EVENT_BYTES
from executor.domain.events import Event, encode
from executor.domain.gate import sentence
from executor.domain.graph import GraphRefused
from executor.domain.run import Change, Refused
from shared.contracts.runs import MOST_COMMAND_BYTES, CancelRun, PauseRun, ResumeRun, RetryNow, RetryRun, RunCommand
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_commands: TypeAdapter[RunCommand] = TypeAdapter(RunCommand)
_PER_NAME, _BESIDE = 20, 4_000
"""Bytes of an event beside a component's name, and beside all names and the inputs."""


class Requests:
    """Obeys cancel, pause, resume, retry and retry-now."""

    def __init__(self, engine: Engine, admission: Admission, queue: RunQueue, journal: Journal, plans: Plans) -> None:
        self._engine = engine
        self._admission = admission
        self._queue = queue
        self._journal = journal
        self._plans = plans

    async def obey(self, epoch: int, request: Request) -> None:
        """Obey one command, or say in the run's journal why not. The request's row goes in the same transaction."""
        active = await self.bring(epoch, request.run_id)
        if active is None:
            return
        try:
            command = _commands.validate_json(request.body)
        except ValidationError as error:
            self._answer(active, request, f"The command can't be used: {_told(error)}.")
            return
        run = active.run
        woken: list[str] = []
        events: list[Event]
        active.steered = True
        try:
            self._allowed(active.plan, request)
            if isinstance(command, CancelRun):
                events = await self._cancel(active, command)
            elif isinstance(command, PauseRun):
                events = run.pause(self._engine.now(), reason=command.reason, requested_by=command.requested_by)
            elif isinstance(command, ResumeRun):
                events = run.proceed(self._engine.now(), reason=command.reason, requested_by=command.requested_by)
            elif isinstance(command, RetryRun):
                events = await self._retry(active, command, request)
            else:
                # A start never gets here: the intake makes a run of it.
                assert isinstance(command, RetryNow)  # noqa: S101
                events = self._now(active, command)
                woken = [command.component]
        except Refused as refused:
            events = run.refuse(self._engine.now(), command.command, str(refused), command.requested_by)
        finally:
            active.steered = False
        self._engine.write(active, events, woken=woken, request=request.id)

    async def refuse(self, epoch: int, request: Request, error: Exception) -> None:
        """Say in the run's journal that a command ended in an error that nobody has thought of.

        Whatever the command had begun in memory is forgotten: the run goes on from what its journal says.
        """
        active = self._engine.active.get(request.run_id)
        if active is not None:
            await self._engine.standing()
            self._engine.drop(active)
        active = await self.bring(epoch, request.run_id)
        if active is not None:
            text = f"The command ended in an unexpected error ({type(error).__name__}) and changed nothing."
            self._answer(active, request, f"{text} Look into the executor's log, then ask again.")

    def _answer(self, active: Active, request: Request, reason: str) -> None:
        """Refuse a command of which no more may be known than its text."""
        try:
            body = from_json(request.body)
        except ValueError:
            body = None
        said = body if isinstance(body, dict) else {}
        events = active.run.refuse(self._engine.now(), str(said.get("command", ""))[:40], reason, str(said.get("requested_by", ""))[:200])
        self._engine.write(active, events, request=request.id)

    async def _cancel(self, active: Active, command: CancelRun) -> list[Event]:
        if not active.run.state.finished:
            await self._engine.halt(active, STOP_SECONDS)
        try:
            told = {"reason": command.reason, "requested_by": command.requested_by}
            return active.run.cancel(self._engine.now(), transfers=active.transfers, **told)
        finally:
            active.stopping = False

    async def _retry(self, active: Active, command: RetryRun, request: Request) -> list[Event]:
        """Retry, in another version and with other inputs if that is asked. The plan changes only if nothing is refused."""
        if len(request.body) > MOST_COMMAND_BYTES:
            text = f"The command has {len(request.body)} characters; a retry may have {MOST_COMMAND_BYTES}."
            raise Refused(f"{text} Pass where large inputs are, not the inputs.")
        run, plan = active.run, active.plan
        version = None if command.version == run.state.version else command.version
        if version is not None:
            plan = await self._version(active, version)
        inputs = run.state.inputs if command.inputs is None else command.inputs
        if command.inputs is not None and (obstacle := obstacle_to(command.inputs)) is not None:
            raise Refused(obstacle)
        if version is not None or command.inputs is not None:
            inputs = plan.graph.rules.inputs(inputs)
            _check_size(active, plan, inputs)
        change = Change(version, plan.graph, None if inputs == run.state.inputs else inputs)
        events = run.retry(
            self._engine.now(),
            command.components,
            scope=command.scope,
            until=command.until,
            requested_by=command.requested_by,
            expected_seq=command.expected_seq,
            change=change,
            queued=await self._queue.again(active),
        )
        active.plan = plan
        return events

    async def _version(self, active: Active, version: int) -> Plan:
        name = active.plan.graph.definition.workflow
        try:
            plan = await self._plans.of(active.run.state.workflow_id, version)
            # The same version by its name: what can't be started can't be gone on with either.
            if plan is None or await self._plans.named(plan.graph.definition.workflow, version) is None:
                raise Refused(f"“{name}” has no version {version}. Choose one of its versions.")
        except GraphRefused as error:
            raise Refused(f"Version {version} of “{name}” can't be run: {error}") from error
        return plan

    def _now(self, active: Active, command: RetryNow) -> list[Event]:
        """Make an attempt at once: one that is planned, or one that the retry budget holds. No other limit is passed."""
        name, by = command.component, command.requested_by
        hold = self._admission.hurry(active.run.state.run_id, name)
        if hold is None:
            events = active.run.retry_now(self._engine.now(), name, by)
            active.hurried.add(name)
            return events
        endpoint = active.plan.graph.components[name].endpoint or ""
        if hold.limit != "retry_budget":
            raise Refused(f"“{name}” waits for its turn. {sentence(endpoint, hold)}")
        why = f"{by or 'Somebody'} asked for it now: it passes the retry budget of “{endpoint}”."
        return active.run.hold(self._engine.now(), name, limit=hold.limit, reason=why, until=None, over=False, requested_by=by)

    @staticmethod
    def _allowed(plan: Plan, request: Request) -> None:
        if request.external and not plan.events:
            name = plan.graph.definition.workflow
            raise Refused(f"Programs outside Flowtower may not steer runs of “{name}”: it does not declare the event trigger.")

    async def bring(self, epoch: int, run_id: str) -> Active | None:
        """Return a run that is ours, read back from the journal if need be; None when it belongs to somebody else."""
        active = self._engine.active.get(run_id)
        if active is not None:
            return active
        if not await self._journal.claim(epoch, run_id):
            return None
        stored = await self._journal.load([run_id])
        if not stored:
            return None
        plan = await self.plan(stored[0])
        return None if plan is None else self.take(plan, stored[0])

    def take(self, plan: Plan, stored: Stored) -> Active:
        """Read a run back. One that was inherited and not looked through yet may have lost attempts under way: they are made again."""
        active = self._engine.take(plan, stored)
        if not active.run.state.idle:
            self._engine.resume(active)
        return active

    async def plan(self, stored: Stored) -> Plan | None:
        """Return the plan of a run's version; without one nothing can be done about the run, which the log says."""
        try:
            plan = await self._plans.of(stored.workflow_id, stored.version)
        except GraphRefused as error:
            log.error("a run's workflow version can't be used here", run=stored.run_id, workflow=stored.workflow_id, reason=str(error))  # noqa: TRY400 - it says all
            return None
        if plan is None:
            log.error("a run's workflow version is not in the registry's copy", run=stored.run_id, workflow=stored.workflow_id)
        return plan


def _check_size(active: Active, plan: Plan, inputs: dict[str, Any]) -> None:
    """Raise Refused when the event with these inputs, and with every component that stays or runs again, may be too large."""
    names = {*active.run.state.components, *plan.graph.components}
    size = len(encode(inputs)) + sum(len(name) + _PER_NAME for name in names) + _BESIDE
    if size > MOST_EVENT_BYTES:
        text = f"inputs: with what the workflow adds, the retry would be an event of {size} bytes; it may have {MOST_EVENT_BYTES}."
        raise Refused(f"{text} Pass where large inputs are, not the inputs.")


def _told(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'command'}: {e['msg']}"
        for e in error.errors(include_url=False, include_input=False, include_context=False)[:5]
    )
