"""Takes waiting notifications and sends them, a few at a time."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from prometheus_client import Counter

from alerter.application.channels import Permanent
from alerter.application.pipeline import Claimed, Sending
from alerter.application.stages.send import Sent
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

NOTIFICATIONS = Counter("flowtower_notifications_total", "Attempts to tell people, by how they ended.", ["kind", "result"])

IDLE_SECONDS = 1.0
"""How often the database is asked when nothing was queued here: for what other replicas left."""


class Sender:
    """A part. One task claims, a few others send."""

    def __init__(self, sending: Sending, next_one: Callable[[], Awaitable[float | None]], wake: asyncio.Event, *, most: int) -> None:
        self._sending = sending
        self._next_one = next_one
        self._wake = wake
        self._most = most
        self._task: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._trouble = ""

    async def start(self) -> None:
        """Give back what an earlier life of this replica held, and begin."""
        self._stopping = False
        if self._task is None:
            async with self._sending.transaction() as store:
                if left := await store.release(self._sending.holder):
                    log.info("notifications that a crash left are sent again", count=left)
            self._task = asyncio.create_task(self._run(), name="sender")

    async def drain(self) -> None:
        """Claim nothing more and let what is being sent come to its end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def stop(self) -> None:
        """End at once; what is still being sent is sent again later, as a possible duplicate."""
        for task in (self._task, *self._under_way):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._task = None

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            pause = IDLE_SECONDS
            try:
                pause = await self._claim_one()
                self._trouble = ""
            except Exception as error:
                reason = why_away(error)
                if reason is None:
                    log.exception("claiming a notification failed")
                elif reason != self._trouble:
                    log.warning("notifications wait", reason=reason)
                self._trouble = reason or ""
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    async def _claim_one(self) -> float:
        """Start to send one notification if there is one; return the seconds to the next look."""
        if len(self._under_way) >= self._most:
            return IDLE_SECONDS
        seconds = await self._next_one()
        if seconds is None or seconds > 0:
            return IDLE_SECONDS if seconds is None else min(IDLE_SECONDS, seconds + 0.005)
        claimed = await self._sending.claim()
        if claimed is None:
            # Another replica was faster, or it stands behind an older one of its message that is not due yet.
            return IDLE_SECONDS / 4
        task = asyncio.create_task(self._one(claimed), name=f"notification {claimed.notification.notification_id}")
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return 0.0

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._wake.set()

    async def _one(self, claimed: Claimed) -> None:
        until = time.monotonic() + self._sending.lease
        try:
            sent = await self._sending.deliver(claimed)
        except Exception:
            # An error of ours: the claim runs out, and it is tried again as a possible duplicate.
            log.exception("sending broke", notification=claimed.notification.notification_id, channel=claimed.notice.channel)
            return
        self._tell(claimed, sent)
        while time.monotonic() < until:
            try:
                if not await self._sending.settle(claimed, sent):
                    log.warning("a claim ran out before its end was written", notification=claimed.notification.notification_id)
            except Exception as error:
                if why_away(error) is None:
                    log.exception("writing the end of a sending failed", notification=claimed.notification.notification_id)
                await asyncio.sleep(0.5)
            else:
                return

    @staticmethod
    def _tell(claimed: Claimed, sent: Sent) -> None:
        result = "sent" if sent.error is None else "failed" if isinstance(sent.error, Permanent) else "retried"
        NOTIFICATIONS.labels(claimed.channel.kind if claimed.channel else "", result).inc()
        about = {"notification": claimed.notification.notification_id, "channel": claimed.notice.channel}
        if sent.error is None:
            log.info("notification sent", transition=claimed.notification.transition, **about)
        else:
            log.warning("notification not sent", kind=type(sent.error).__name__, reason=str(sent.error), **about)
