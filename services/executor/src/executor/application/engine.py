"""The engine: decides by the domain's rules, writes, and acts only on what has been written.

One run = one ``Active`` while something of it moves; a run that only waits (for a time, a turn or a person) is let go of and read
back from the journal when it goes on, so the number of waiting runs costs no memory.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from executor.application.active import Active
from executor.application.admission import Admission
from executor.application.attempts import Attempts
from executor.application.entering import Entering
from executor.application.entries import Entry, Stored
from executor.application.held import Held
from executor.application.making import Making
from executor.application.planning import plan_ahead
from executor.application.ports import StaleEpoch
from executor.application.registries import Plan
from executor.application.writer import JournalWriter
from executor.domain.events import MOST_BYTES, Event, decode, encode
from executor.domain.journal import EXECUTOR_STOPPED, State, fold
from executor.domain.rules import NoAnswer
from executor.domain.run import Failure, Refused, Run, Trace
from shared.contracts.runs import QueuedFor
from shared.runtime.logging import get_logger

__all__ = ["STOP_SECONDS", "Active", "Engine", "Watcher", "span_id"]

log = get_logger(__name__)

Watcher = Callable[[Active, Event], None]

STOP_SECONDS = 0.8
"""How long an attempt that is stopped may take to end before the run goes on without it."""


def span_id() -> str:
    """Return a new span id."""
    return f"{random.getrandbits(64) or 1:016x}"


class Engine:
    """Runs workflows."""

    def __init__(
        self,
        attempts: Attempts,
        admission: Admission,
        writer: JournalWriter,
        *,
        host: str,
        clock: Callable[[], datetime],
        lane: Callable[[str], int],
    ) -> None:
        self.held = Held()
        self._gates = Entering(admission, self.held, write=self.write, clock=clock)
        self._making = Making(attempts, self._gates, write=self.write, clock=clock)
        self._writer = writer
        self._host = host
        self._clock = clock
        self._lane = lane
        self._watchers: dict[str, list[Watcher]] = {}
        self.active: dict[str, Active] = {}

    def watch(self, watcher: Watcher, *kinds: str) -> None:
        """Have ``watcher`` told of each event of these kinds once it has been written: metrics and spans."""
        for kind in kinds:
            self._watchers.setdefault(kind, []).append(watcher)

    def now(self) -> datetime:
        """Return the database's time, as near as we know it."""
        return self._clock()

    def settled(self) -> "asyncio.Future[None]":
        """Return what resolves when everything handed to the writer so far stands."""
        return self._writer.settled()

    async def standing(self) -> None:
        """Wait until everything handed to the writer so far stands; raise StaleEpoch when this life ends before.

        The answer of a life that has ended is cancelled: awaited as it is, it would end the task that waits.
        """
        settled = self._writer.settled()
        await asyncio.wait([settled])
        if settled.cancelled():
            raise StaleEpoch("the life of this executor ended before what was decided stood")

    # ── runs come ───────────────────────────────────────────────────────────────────────────────────────────────────

    def start(
        self,
        plan: Plan,
        run_id: str,
        *,
        inputs: dict[str, Any],
        requested_by: str,
        trigger: str,
        trace: Trace,
        command: tuple[str, str],
        priority: int | None = None,
        queued: QueuedFor | None = None,
        limited: bool = False,
    ) -> None:
        """Begin a run. It exists when the writer has committed; a run of this id that is already there stays what it is.

        ``queued``: what it has to wait for, as the queue of runs says; ``limited``: whether it may have a turn of its workflow.
        Raises Refused when the inputs are not what the workflow declares or are too large, or its business key can't be told from them.
        """
        published, rules = plan.published, plan.graph.rules
        inputs = rules.inputs(inputs)
        try:
            business_key = rules.business_key(inputs)
        except NoAnswer as error:
            expression = plan.graph.definition.business_key
            raise Refused(f"The run has no name: business_key: {expression} has no answer for these inputs: {error}") from None
        active = self._active(plan, State(run_id, published.workflow_id, plan.graph.order))
        active.traceparent = f"00-{trace.trace_id}-{trace.span_id}-01".encode()
        active.limited = limited or queued is not None
        events = active.run.start(
            self._clock(),
            version=published.version,
            inputs=inputs,
            requested_by=requested_by,
            trigger=trigger,
            trace=trace,
            business_key=business_key,
            priority=priority,
            queued=queued,
        )
        lines = [encode(event) for event in events]
        if len(lines[0]) > MOST_BYTES:
            text = f"inputs: with what the workflow adds, the start would be an event of {len(lines[0])} bytes; it may have {MOST_BYTES}."
            raise Refused(f"{text} Pass where large inputs are, not the inputs.")
        opened = (published.workflow_id, plan.graph.definition.workflow, published.version)
        self.write(active, events, lines, opened=opened, command=command)
        # Only now: a run that could not even be handed to the writer is not under way.
        self.active[run_id] = active

    def take(self, plan: Plan, stored: Stored) -> Active:
        """Read a run back from its journal."""
        known = self.active.get(stored.run_id)
        if known is not None:
            return known
        events = [decode(line) for line in stored.lines]
        state = fold(stored.run_id, stored.workflow_id, plan.graph.order, events)
        active = self._active(plan, state)
        if state.trace_id:
            active.traceparent = f"00-{state.trace_id}-{state.span_id or '0' * 15 + '1'}-01".encode()
        self.active[stored.run_id] = active
        return active

    def resume(self, active: Active) -> None:
        """Go on with a run whose executor is gone."""
        if not active.attempts and not active.unwritten:
            self.write(active, active.run.resume(self._clock()))
        self._let_go(active)

    def release(self, active: Active) -> None:
        """Let a queued run go on."""
        self.write(active, active.run.release(self._clock()))

    def wake(self, active: Active, name: str) -> None:
        """Make a planned attempt whose time has come."""
        self.write(active, active.run.wake(self._clock(), name), woken=[name])

    async def expire(self, active: Active) -> None:
        """End a run whose time limit is over; what is under way is stopped first."""
        if not active.run.state.idle:
            await self.halt(active, STOP_SECONDS)
        events = active.run.expire(self._clock(), transfers=active.transfers)
        active.stopping = False
        self.write(active, events)

    def _active(self, plan: Plan, state: State) -> Active:
        run = Run(plan.graph, state, host=self._host, spans=span_id, jitter=random.random)
        return Active(plan, run, self._lane(state.run_id))

    # ── everything that happens is written first ────────────────────────────────────────────────────────────────────

    def write(
        self,
        active: Active,
        events: list[Event],
        lines: list[bytes] | None = None,
        *,
        opened: tuple[str, str, int] | None = None,
        command: tuple[str, str] | None = None,
        woken: Sequence[str] = (),
        request: int | None = None,
    ) -> None:
        """Hand decided events to the writer, with their ``lines`` if they are made; once they stand, their attempts are made."""
        if not events:
            self._let_go(active)
            return
        state = active.run.state
        kinds = [event["event"] for event in events]
        if "run.paused" in kinds:
            withdrawn = self._gates.withdraw(active)
            events += withdrawn
            kinds += [event["event"] for event in withdrawn]
        entry = Entry(
            state.run_id,
            events[0]["seq"],
            state.seq,
            lines or [encode(event) for event in events],
            kinds,
            active.lane,
            active.traceparent,
            opened,
            command,
            woken=woken,
            request=request,
            active=active,
            events=events,
            committed=self._written,
            refused=self._gone,
        )
        plan_ahead(entry, events, state)
        # A run that is only undone needs no turn; one that was queued had none.
        entry.leaves = active.limited and (state.finished or ("run.released" in kinds and active.run.compensating))
        active.unwritten += 1
        self._writer.add(entry)

    def _written(self, entry: Entry) -> None:
        active, watchers = entry.active, self._watchers
        assert active is not None  # noqa: S101 - the entry is ours
        active.unwritten -= 1
        for kind, event in zip(entry.kinds, entry.events, strict=True):
            if kind == "attempt.started":
                self._making.begin(active, event)
            for watcher in watchers.get(kind, ()):
                watcher(active, event)
        self._let_go(active)

    def _gone(self, entry: Entry) -> None:
        """The journal holds another history of this run than we do: it is not ours, or it was there before."""
        active = entry.active
        assert active is not None  # noqa: S101 - the entry is ours
        self.drop(active)

    def drop(self, active: Active) -> None:
        """Forget what is in memory of a run: its journal is the truth, and can be read back."""
        if self.active.get(active.run.state.run_id) is active:
            del self.active[active.run.state.run_id]
            self.held.forget(active.run.state.run_id)
        for task in active.attempts.values():
            task.cancel()

    def _let_go(self, active: Active) -> None:
        state = active.run.state
        if self.active.get(state.run_id) is active:
            self.held.look(active)
        if active.unwritten or active.attempts or active.stopping or active.steered:
            return
        if (state.finished or state.idle) and self.active.get(state.run_id) is active:
            del self.active[state.run_id]

    # ── attempts end ────────────────────────────────────────────────────────────────────────────────────────────────

    async def halt(self, active: Active, within: float) -> None:
        """Stop a run's attempts; their ends are not recorded, the caller says what becomes of them."""
        active.stopping = True
        tasks = list(active.attempts.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=within)
        active.attempts.clear()

    async def hand_back(self, within: float) -> None:
        """Stop: what is under way is finished if it is quick, else it is planned anew for whoever takes over."""
        running = [task for active in self.active.values() for task in active.attempts.values()]
        if running:
            await asyncio.wait(running, timeout=within)
        text = "The executor was stopped in an orderly way; the attempt is made again from its last checkpoint."
        failure = Failure(EXECUTOR_STOPPED, text, retryable=True)
        for active in list(self.active.values()):
            names = list(active.attempts)
            if not names:
                continue
            await self.halt(active, 2.0)
            events: list[Event] = []
            for name in names:
                if active.run.state.components[name].status == "running":
                    events += active.run.fail(self._clock(), name, failure, transfer=active.transfers.pop(name, None))
            self.write(active, events)

    def abandon(self) -> None:
        """Drop everything: another executor owns our runs by now."""
        for active in list(self.active.values()):
            active.stopping = True
            for task in active.attempts.values():
                task.cancel()
        self.active.clear()
        self.held.clear()
