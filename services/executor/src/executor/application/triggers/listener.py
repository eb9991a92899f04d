"""One Kafka trigger that this executor runs: listens to its topic and fires.

A batch of messages is judged in a thread, its firings stand in one transaction, and only then its offsets are committed. What a crash
makes us read again is known by its place, so each message starts at most one run. What did not start a run is added up and told every
few seconds; its offsets wait for that.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from executor.application.ports import Connector, Permanent, Trouble
from executor.application.registries import Plans
from executor.application.triggers.asking import prepare
from executor.application.triggers.ports import GONE, LIMITED, Book, Listening, Listens, NotOurs, Prepared, TriggerRow
from executor.domain.triggers.firing import Firing, NotFired, Tally
from executor.domain.triggers.message import Heard, Matcher, checked
from shared.contracts.workflows import KafkaTrigger
from shared.runtime import failpoints
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_BATCH = 1000
_TELL_SECONDS = 2.0
_LOOK_SECONDS = 10.0
_PAUSED_SECONDS = 0.5
_MOST_WAIT = 30.0
_MINUTE = 60.0


@dataclass(slots=True)
class Judged:
    """What became of a batch: the first ``taken`` messages were judged, further ones exceed the limit."""

    taken: int
    fire: list[Prepared] = field(default_factory=list)
    told: list[NotFired] = field(default_factory=list)


def judge(row: TriggerRow, matcher: Matcher, heard: Sequence[Heard], most: int) -> Judged:
    """Judge messages in order, until more than ``most`` would start runs."""
    judged = Judged(0)
    for message in heard:
        verdict = matcher.judge(message)
        if isinstance(verdict, Firing):
            if len(judged.fire) >= most:
                return judged
            made = prepare(row, verdict)
            if isinstance(made, Prepared):
                judged.fire.append(made)
            else:
                judged.told.append(made)
        else:
            judged.told.append(verdict)
        judged.taken += 1
    return judged


class Allowance:
    """How many runs a trigger may still ask for: so many within any minute."""

    def __init__(self, most: int, used: int) -> None:
        self._most = most
        self._used: deque[tuple[float, int]] = deque([(time.monotonic(), used)] if used else [])
        self._sum = used

    def left(self) -> int:
        """Return how many there are now."""
        over = time.monotonic() - _MINUTE
        while self._used and self._used[0][0] <= over:
            self._sum -= self._used.popleft()[1]
        return max(self._most - self._sum, 0)

    def use(self, count: int) -> None:
        """Take some."""
        if count:
            self._used.append((time.monotonic(), count))
            self._sum += count


class TopicListener:
    """Runs one Kafka trigger until it is cancelled, or the trigger is not ours any more."""

    def __init__(self, row: TriggerRow, epoch: int, book: Book, plans: Plans, connectors: dict[str, Connector]) -> None:
        assert isinstance(row.trigger, KafkaTrigger)  # noqa: S101 - they were picked so
        self.row = row
        self._trigger = row.trigger
        self._epoch = epoch
        self._book = book
        self._plans = plans
        self._connectors = connectors
        self._tally = Tally()
        self._ends: dict[int, int] = {}
        self._told_at = 0.0
        self._trouble: str | None = None
        self._heard = False  # whether it has listened since the last time that something was in the way

    async def run(self) -> None:
        """Listen, again and again; what is in the way is told as the trigger's trouble."""
        wait = 1.0
        while True:
            trouble, from_start = "", self.row.from_start
            try:
                await self._once()
            except NotOurs as gone:
                log.info("a trigger is left", workflow=self.row.workflow, trigger=self.row.name, reason=str(gone))
                return
            except Trouble as error:
                trouble, from_start = error.message, from_start or error.code == "TopicNotFound"
            except Exception as error:
                if reason := why_away(error):
                    log.warning("a trigger waits for the database", trigger=self.row.name, reason=reason)
                else:
                    log.exception("a trigger failed; it begins anew", workflow=self.row.workflow, trigger=self.row.name)
            if trouble:
                log.warning("a trigger can't listen", workflow=self.row.workflow, trigger=self.row.name, reason=trouble)
                if not await self._try_to_stand(trouble, from_start):
                    return
            wait = 1.0 if self._heard else min(wait * 2, _MOST_WAIT)
            # What was judged and not told is read again.
            self._tally, self._ends, self._heard = Tally(), {}, False
            await asyncio.sleep(wait)

    async def _try_to_stand(self, trouble: str, from_start: bool) -> bool:
        try:
            await self._stand(trouble, from_start=from_start)
        except NotOurs:
            return False
        except Exception as error:
            if why_away(error) is None:
                raise
        return True

    async def _stand(self, trouble: str, *, from_start: bool = False) -> None:
        if trouble != self._trouble:
            await self._book.stand(self.row, self._epoch, trouble=trouble, from_start=from_start)
            self._trouble = trouble

    async def _once(self) -> None:
        matcher, why = checked(self._trigger)
        if matcher is None:
            raise Permanent("ExpressionInvalid", why)
        endpoint = await self._plans.endpoint(self._trigger.endpoint, "kafka")
        connector = self._connectors["kafka"]
        assert isinstance(connector, Listens)  # noqa: S101 - this kind can
        group = f"flowtower.trigger.{self.row.workflow_id}.{self.row.name}"
        async with connector.listen(endpoint, self._trigger.topic, group=group, from_start=self.row.from_start) as listening:
            await self._stand("")
            self._heard = True
            if listening.gone:
                last = f"{self._trigger.endpoint}/{self._trigger.topic}:gone"
                self._tally.add(NotFired("missed", last, GONE, listening.gone))
            if self.row.paused:
                await self._pass_over(listening)
            else:
                await self._listen(listening, matcher)

    async def _pass_over(self, listening: Listening) -> None:
        """While it is paused, what comes is passed over and counted."""
        looked = time.monotonic()
        while True:
            count, last = await listening.pass_over()
            if count:
                self._tally.add(NotFired("paused", f"{self._trigger.endpoint}/{last}"[:300], "The trigger is paused.", count))
            await self._tell([])
            if time.monotonic() - looked > _LOOK_SECONDS:
                looked = time.monotonic()
                await listening.look()
            await asyncio.sleep(_PAUSED_SECONDS)

    async def _listen(self, listening: Listening, matcher: Matcher) -> None:
        allowance = Allowance(self._trigger.most_per_minute, await self._book.lately(self.row.key, _MINUTE))
        held: list[Heard] = []
        looked = time.monotonic()
        while True:
            if not held:
                held = await listening.read(_BATCH, 1.0)
                if not held:
                    await self._stand("")
            judged = await asyncio.to_thread(judge, self.row, matcher, held, allowance.left()) if held else Judged(0)
            for message in held[: judged.taken]:
                self._ends[message.partition] = message.offset + 1
            held = held[judged.taken :]
            for one in judged.told:
                self._tally.add(one)
            allowance.use(len(judged.fire))
            if await self._tell(judged.fire):
                await failpoints.reach("triggers.before_offsets")
                ends, self._ends = self._ends, {}
                await listening.commit(ends)
            if held and not judged.taken:
                # The topic holds what waits; one batch of it stays here until the minute is over.
                await self._stand(LIMITED)
                await asyncio.sleep(0.25)
            if time.monotonic() - looked > _LOOK_SECONDS:
                looked = time.monotonic()
                if not self._ends and not held:
                    await listening.look()

    async def _tell(self, fire: Sequence[Prepared]) -> bool:
        """Write firings down at once, and every few seconds what did not fire. True when everything judged so far stands."""
        if not fire and (not self._tally or time.monotonic() - self._told_at < _TELL_SECONDS):
            return False
        await self._book.record(self.row, self._epoch, fire, self._tally.take())
        self._told_at = time.monotonic()
        return True
