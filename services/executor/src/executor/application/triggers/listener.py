"""One Kafka trigger that this executor runs: listens to its topic and fires.

A batch of messages is judged in a thread, its firings stand in one transaction, and only then its offsets are committed. What a crash
makes us read again is known by its place, so each message starts at most one run. What did not start a run is added up and told every
few seconds; its offsets wait for that.
"""

import asyncio
import time
from collections.abc import Sequence

from executor.application.ports import Connector, Endpoint, Permanent, Trouble
from executor.application.registries import Plans
from executor.application.triggers.judging import Allowance, Judged, judge
from executor.application.triggers.ports import GONE, LIMITED, Book, Listening, Listens, NotOurs, Prepared, TriggerRow
from executor.domain.triggers.firing import NotFired, Tally
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
_LIMITED_SECONDS = 0.25
_MOST_WAIT = 30.0
_MINUTE = 60.0


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
        self._looked_at = 0.0
        self._trouble: str | None = None
        self._from_start = row.from_start
        self._heard = False  # whether it has listened since the last time that something was in the way

    async def run(self) -> None:
        """Listen, again and again; what is in the way is told as the trigger's trouble."""
        wait = 1.0
        while True:
            trouble = ""
            try:
                await self._once()
            except NotOurs as gone:
                log.info("a trigger is left", workflow=self.row.workflow, trigger=self.row.name, reason=str(gone))
                return
            except Trouble as error:
                trouble = error.message
                # What comes to a topic that was not there yet is news from its first message.
                self._from_start = self._from_start or error.code == "TopicNotFound"
            except Exception as error:
                if reason := why_away(error):
                    log.warning("a trigger waits for the database", trigger=self.row.name, reason=reason)
                else:
                    log.exception("a trigger failed; it begins anew", workflow=self.row.workflow, trigger=self.row.name)
            if trouble:
                log.warning("a trigger can't listen", workflow=self.row.workflow, trigger=self.row.name, reason=trouble)
                if not await self._try_to_stand(trouble):
                    return
            wait = 1.0 if self._heard else min(wait * 2, _MOST_WAIT)
            # What was judged and not told is read again.
            self._tally, self._ends, self._heard = Tally(), {}, False
            await asyncio.sleep(wait)

    async def _try_to_stand(self, trouble: str) -> bool:
        try:
            await self._stand(trouble)
        except NotOurs:
            return False
        except Exception as error:
            if why_away(error) is None:
                raise
        return True

    async def _stand(self, trouble: str) -> None:
        if trouble != self._trouble:
            await self._book.stand(self.row, self._epoch, trouble=trouble, from_start=self._from_start)
            self._trouble = trouble

    async def _once(self) -> None:
        matcher, why = checked(self._trigger)
        if matcher is None:
            raise Permanent("ExpressionInvalid", why)
        endpoint = await self._plans.endpoint(self._trigger.endpoint, "kafka")
        connector = self._connectors["kafka"]
        assert isinstance(connector, Listens)  # noqa: S101 - this kind can
        again = f":{self.row.life}" if self.row.life else ""
        group = f"flowtower.trigger.{self.row.workflow_id}.{self.row.name}{again}"
        async with connector.listen(endpoint, self._trigger.topic, group=group, from_start=self._from_start) as listening:
            # From here on the group's offsets say where it is.
            self._from_start = False
            await self._stand("")
            self._heard, self._looked_at = True, time.monotonic()
            if listening.gone:
                last = f"{self._trigger.endpoint}/{self._trigger.topic}:gone"
                self._tally.add(NotFired("missed", last, GONE, listening.gone))
            if self.row.paused:
                await self._pass_over(listening, endpoint)
            else:
                await self._listen(listening, matcher, endpoint)

    async def _pass_over(self, listening: Listening, endpoint: Endpoint) -> None:
        """While it is paused, what comes is passed over and counted."""
        while await self._may_go_on(listening, endpoint, idle=True):
            count, last = await listening.pass_over()
            if count:
                self._tally.add(NotFired("paused", f"{self._trigger.endpoint}/{last}"[:300], "The trigger is paused.", count))
            await self._tell([])
            await asyncio.sleep(_PAUSED_SECONDS)

    async def _listen(self, listening: Listening, matcher: Matcher, endpoint: Endpoint) -> None:
        """Fire for what matches."""
        allowance = Allowance(self._trigger.most_per_minute, await self._book.lately(self.row.key, _MINUTE))
        held: list[Heard] = []
        while await self._may_go_on(listening, endpoint, idle=not held and not self._ends):
            if not held:
                held = await listening.read(_BATCH, 1.0)
                if not held:
                    await self._stand("")
            held = await self._take(listening, matcher, allowance, held)

    async def _may_go_on(self, listening: Listening, endpoint: Endpoint, *, idle: bool) -> bool:
        """Look now and then at the brokers, and whether the endpoint is what we opened; False = it must be opened anew."""
        if time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return True
        self._looked_at = time.monotonic()
        if await self._plans.endpoint(self._trigger.endpoint, "kafka") != endpoint:
            return False
        if idle:
            await listening.look()
        return True

    async def _take(self, listening: Listening, matcher: Matcher, allowance: Allowance, held: list[Heard]) -> list[Heard]:
        """Judge messages and write down what came of it; return those that exceed the limit."""
        judged = await asyncio.to_thread(judge, self.row, matcher, held, allowance.left()) if held else Judged(0)
        for message in held[: judged.taken]:
            self._ends[message.partition] = message.offset + 1
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
            await asyncio.sleep(_LIMITED_SECONDS)
        return held[judged.taken :]

    async def _tell(self, fire: Sequence[Prepared]) -> bool:
        """Write firings down at once, and every few seconds what did not fire. True when everything judged so far stands."""
        if not fire and (not self._tally or time.monotonic() - self._told_at < _TELL_SECONDS):
            return False
        await self._book.record(self.row, self._epoch, fire, self._tally.take())
        self._told_at = time.monotonic()
        return True
