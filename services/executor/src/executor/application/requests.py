"""Commands to runs that exist, obeyed by the executor that owns the run."""

from pydantic import TypeAdapter

from executor.application.admission import Admission
from executor.application.engine import Active, Engine
from executor.application.entries import Journal, Request
from executor.application.registries import Plan, Plans
from executor.application.run_queue import RunQueue
from executor.domain.events import Event
from executor.domain.gate import sentence
from executor.domain.run import Refused
from shared.contracts.runs import CancelRun, RetryNow, RetryRun, RunCommand
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_commands: TypeAdapter[RunCommand] = TypeAdapter(RunCommand)
_STOP_SECONDS = 0.8
"""How long a cancelled attempt may take to stop before the run goes on without it."""


class Requests:
    """Obeys cancel, retry and retry-now."""

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
        command = _commands.validate_json(request.body)
        run, now = active.run, self._engine.now()
        woken: list[str] = []
        events: list[Event]
        try:
            self._allowed(active.plan, request)
            if isinstance(command, CancelRun):
                if not run.state.finished:
                    await self._engine.halt(active, _STOP_SECONDS)
                woken = [name for name, part in run.state.components.items() if part.status == "retrying"]
                events = run.cancel(now, reason=command.reason, transfers=active.transfers)
                active.stopping = False
            elif isinstance(command, RetryRun):
                queued = await self._queue.again(active)
                events = run.retry(now, command.components, scope=command.scope, requested_by=command.requested_by, queued=queued)
            else:
                # A start never gets here: the intake makes a run of it.
                assert isinstance(command, RetryNow)  # noqa: S101
                events = self._now(active, command.component)
                woken = [command.component]
        except Refused as refused:
            events = run.refuse(now, command.command, str(refused), command.requested_by)
        self._engine.write(active, events, woken=woken, request=request.id)

    def _now(self, active: Active, name: str) -> list[Event]:
        """Make an attempt at once: one that is planned, or one that the retry budget holds. No other limit is passed."""
        hold = self._admission.hurry(active.run.state.run_id, name)
        if hold is None:
            active.hurried.add(name)
            try:
                return active.run.retry_now(self._engine.now(), name)
            except Refused:
                active.hurried.discard(name)
                raise
        endpoint = active.plan.graph.components[name].endpoint or ""
        if hold.limit != "retry_budget":
            raise Refused(f"“{name}” waits for its turn. {sentence(endpoint, hold)}")
        why = f"Somebody asked for it now: it passes the retry budget of “{endpoint}”."
        return active.run.hold(self._engine.now(), name, limit=hold.limit, reason=why, until=None, over=False)

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
        plan = await self._plans.of(stored[0].workflow_id, stored[0].version)
        if plan is None:
            log.error("a run's workflow version is not in the registry's copy", run=run_id, workflow=stored[0].workflow_id)
            return None
        return self._engine.take(plan, stored[0])
