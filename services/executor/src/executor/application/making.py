"""The attempts of runs in memory: each is a task from the event that starts it to the events that it leads to."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from executor.application.active import Active
from executor.application.admission import Pass
from executor.application.attempts import Attempts, failed, unexpected
from executor.application.entering import Entering, Write, verdict
from executor.application.ports import Outcome, Trouble
from executor.domain.events import Event
from executor.domain.run import Failure

_PROGRESS_SECONDS = 1.0
_AT_ONCE = 200
"""Attempts that begin in one turn of the event loop. After a take-over thousands would, and the lease must be held meanwhile."""


class Making:
    """Makes attempts, and writes what they report and how they end."""

    def __init__(self, attempts: Attempts, gates: Entering, *, write: Write, clock: Callable[[], datetime]) -> None:
        self._attempts = attempts
        self._gates = gates
        self._write = write
        self._clock = clock
        self._room = _AT_ONCE
        self._line: deque[asyncio.Future[None]] = deque()

    def begin(self, active: Active, event: Event) -> None:
        """Make the attempt that a written event says has started, unless that is past already."""
        name = event["component"]
        part = active.run.state.components[name]
        if part.status != "running" or part.attempt != event["attempt"] or active.stopping:
            return
        loop = asyncio.get_running_loop()
        if self._room == _AT_ONCE:
            loop.call_soon(self._next_turn)
        turn: asyncio.Future[None] | None = None
        if self._room:
            self._room -= 1
        else:
            turn = loop.create_future()
            self._line.append(turn)
        active.attempts[name] = loop.create_task(self._attempt(active, name, turn))

    def _next_turn(self) -> None:
        self._room = _AT_ONCE
        while self._line and self._room:
            turn = self._line.popleft()
            if not turn.done():  # else it was stopped while it waited
                turn.set_result(None)
                self._room -= 1
        if self._room < _AT_ONCE:
            asyncio.get_running_loop().call_soon(self._next_turn)

    async def _attempt(self, active: Active, name: str, turn: "asyncio.Future[None] | None") -> None:
        run, state = active.run, active.run.state
        part = state.components[name]
        number = part.attempt
        trace = f"00-{state.trace_id}-{part.span_id}-01" if state.trace_id and part.span_id else None
        outcome: Outcome | None = None
        failure: Failure | None = None
        permission: Pass | None = None
        try:
            if turn is not None:
                await turn
            if not self._gates.open(active, name):
                permission = await self._gates.enter(active, name)
            outcome = await self._attempts.make(
                active.plan,
                state,
                name,
                key=run.idempotency_key(name),
                traceparent=trace,
                report=lambda told: self._progress(active, name, told),
                fed=run.sources(name),
                left=None if run.graph.components[name].deadline is None else run.time_left(self._clock(), name),
            )
        except Trouble as trouble:
            failure = failed(trouble)
        except (Exception, asyncio.CancelledError) as error:  # whatever it was: a run must not stand still because of it
            if _stopped(error):
                raise
            failure = failed(unexpected(state, name, error))
        finally:
            if permission is not None:
                permission.leave(verdict(outcome, failure))
            ours = state.components.get(name) is part and part.attempt == number and part.status == "running"
            if ours:
                active.attempts.pop(name, None)
        if active.stopping or not ours:
            return  # somebody else has said what became of it
        transfer = active.transfers.pop(name, None)
        if outcome is not None:
            events = run.succeed(self._clock(), name, output=outcome.output, transfer=outcome.transfer, message=outcome.message)
        else:
            assert failure is not None  # noqa: S101 - one of both is there, or the task was cancelled
            events = run.fail(self._clock(), name, failure, transfer=transfer)
        self._write(active, events)

    def _progress(self, active: Active, name: str, told: dict[str, Any]) -> None:
        """Take note of progress; it is journalled at most once a second and attempt."""
        told = {key: value for key, value in told.items() if value is not None}
        message: str = told.pop("message", "")
        if told:
            active.transfers[name] = told
        now = time.monotonic()
        if active.stopping or name not in active.attempts or now - active.reported.get(name, 0.0) < _PROGRESS_SECONDS:
            return
        active.reported[name] = now
        self._write(active, active.run.progress(self._clock(), name, told or None, message))


def _stopped(error: BaseException) -> bool:
    """Whether somebody cancelled this task; a client library may cancel something of its own, and let that out."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)
