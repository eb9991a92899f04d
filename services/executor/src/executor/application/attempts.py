"""One attempt: everything a component needs is put together, and its connector does the work."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, cast

import httpx

from executor.application import processing, transfer
from executor.application.patience import patiently
from executor.application.ports import Acts, Begins, Checkpoints, Connector, Outcome, Permanent, Place, Retryable, Trouble, Work
from executor.application.registries import Plan, Plans
from executor.application.steps import Step
from executor.domain.events import MOST_OUTPUT_BYTES, decode, encode
from executor.domain.failing import DEADLINE_EXCEEDED, Failure
from executor.domain.journal import Progress, State
from shared.contracts.workflows import Connection
from shared.runtime.egress import EgressRefused
from shared.runtime.logging import get_logger, mask_text
from shared.runtime.plain import MOST_DEPTH, obstacle

log = get_logger(__name__)

Report = Callable[[dict[str, Any]], None]


Job = Callable[[Checkpoints, Report], Awaitable[Outcome]]


class Yard(Protocol):
    """Where messages are moved: beside the engine, so that they never hold up its event loop."""

    async def run(self, job: Job, report: Report) -> Outcome:
        """Run ``job`` there; cancelling this cancels it there. What it reports is told to ``report`` here."""


def unexpected(state: State, name: str, error: BaseException) -> Retryable:
    """Return what an error that nobody has thought of means for an attempt: a failure that is seen, and may be retried."""
    log.error("an attempt ended in an unexpected error", run=state.run_id, component=name, exc_info=error)
    text = f"“{name}” ended in an unexpected error ({type(error).__name__}); the executor's log has the rest."
    return Retryable("InternalError", text, answer=mask_text(str(error))[:500])


def failed(trouble: Trouble) -> Failure:
    """Return what the journal is told of it."""
    return Failure(trouble.code, trouble.message, trouble.retryable, trouble.answer, trouble.after, trouble.of_source)


class Attempts:
    """Makes attempts. Whatever goes wrong comes out as Retryable or Permanent."""

    def __init__(self, plans: Plans, yard: Yard) -> None:
        self._plans = plans
        self._yard = yard

    async def make(
        self,
        plan: Plan,
        state: State,
        name: str,
        *,
        key: str,
        traceparent: str | None,
        report: Report,
        fed: Sequence[Connection],
        left: float | None = None,
    ) -> Outcome:
        """Make the attempt that the journal says has started.

        It is ``fed`` through these connections, and cut when the seconds that its deadline has ``left`` are over.
        """
        component = plan.graph.components[name]
        limit = component.timeout
        if left is not None and (limit is None or left < limit):
            limit = max(left, 0.0)
        try:
            if limit is None:
                return _writable(name, await self._make(plan, state, name, key=key, traceparent=traceparent, report=report, fed=fed))
            async with asyncio.timeout(limit) as bound:
                return _writable(name, await self._make(plan, state, name, key=key, traceparent=traceparent, report=report, fed=fed))
        except Trouble:
            raise
        except EgressRefused as error:
            raise Permanent("EgressRefused", str(error)) from error
        except TimeoutError as error:
            if limit is not None and bound.expired():
                if limit != component.timeout:
                    text = f"“{name}” was not done within its deadline of {component.deadline:g} s for all attempts."
                    raise Permanent(DEADLINE_EXCEEDED, f"{text} Raise deadline:, or look why it is slow.") from error
                text = f"“{name}” was not done within {limit:g} s. Raise its timeout:, or look why it is slow."
                raise Retryable("Timeout", text) from error
            raise Retryable("Timeout", f"“{name}” got no answer in time.") from error
        except (httpx.HTTPError, OSError) as error:
            raise Retryable("ConnectionRefused", f"“{name}” got no connection: {mask_text(str(error)) or type(error).__name__}.") from error
        except Exception as error:
            raise unexpected(state, name, error) from error

    async def _make(
        self, plan: Plan, state: State, name: str, *, key: str, traceparent: str | None, report: Report, fed: Sequence[Connection]
    ) -> Outcome:
        part = state.components[name]
        place = self._plans.at_hand(plan, name, generation=part.generation)
        if place is None:
            place = await patiently(lambda: self._plans.place(plan, name, generation=part.generation))
        sources = []
        for connection in fed:
            before = state.components[connection.source]
            source = self._plans.at_hand(plan, connection.source, output=before.output, generation=before.generation)
            if source is None:
                source = await patiently(self._source(plan, connection.source, before))
            sources.append((connection, source))

        def say(text: str) -> None:
            report({"message": text})

        work = Work(state.run_id, place, part.attempt, key, traceparent, state.inputs, tuple(sources), say)
        connectors = self._plans.connectors
        connector = connectors[place.component.kind]
        # A compensation is told what it undoes, and takes nothing from there.
        step = self._plans.step(plan, name, place, () if place.component.compensates else work.sources)
        if step is Step.ACT:
            return await cast("Acts", connector).act(work)
        if step is Step.BEGIN and place.component.compensates:
            text = f"“{name}” undoes nothing: a component of the kind “{connector.kind}” only looks at what is there."
            raise Permanent("NotPossible", f"{text} Compensate with a kind that calls or acts, for example service.")
        if step is Step.BEGIN:
            return await cast("Begins", connector).begin(work)
        if step is Step.ONCE:
            return await processing.once(work, connectors)
        mover = transfer.transfer if step is Step.TRANSFER else processing.each
        return await self._yard.run(lambda checkpoints, tell: _moved(mover, work, connectors, checkpoints, tell), report)

    def _source(self, plan: Plan, name: str, before: Progress) -> Callable[[], Awaitable[Place]]:
        return lambda: self._plans.place(plan, name, output=before.output, generation=before.generation)


def _writable(name: str, outcome: Outcome) -> Outcome:
    """Return an outcome whose output is what the journal will say of it; a connector whose output it can't hold has failed."""
    if outcome.output:
        try:
            line = encode(outcome.output)
            outcome.output = decode(line)
        except ValueError as error:
            text = f"What “{name}” gave can't be written as JSON, so nothing after it could use it: {error}"
            raise Permanent("OutputInvalid", text[:2000]) from error
        if obstacle(outcome.output) == "deep":
            text = f"What “{name}” gave is nested more than {MOST_DEPTH} deep, so nothing after it could use it. Keep a part of it."
            raise Permanent("OutputInvalid", text)
        if len(line) > MOST_OUTPUT_BYTES:
            text = f"What “{name}” gave has {len(line)} bytes; at most {MOST_OUTPUT_BYTES} are kept. Keep less of it, or a reference."
            raise Permanent("OutputTooLarge", text)
    return outcome


async def _moved(mover: Any, work: Work, connectors: dict[str, Connector], checkpoints: Checkpoints, report: Report) -> Outcome:
    output, tally = await mover(work, connectors, checkpoints, report)
    told = tally.wire()
    text = f"{told['confirmed']} messages."
    if told["duplicates_possible"]:
        text += f" {told['duplicates_possible']} of them may be there twice."
    return Outcome(output, told, text)
