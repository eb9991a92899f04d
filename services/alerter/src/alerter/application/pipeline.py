"""The way from a judgement to a person, on one screen.

    evaluate -> silence -> group -> dedup -> (the outbox of notifications) -> send -> record

The first half runs inside the transaction that learnt the news: state and notifications stand together or not at all.
The second half runs after it, claims one notification at a time and never holds a transaction while it sends.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from alerter.application.channels import Channel, ChannelKind, Permanent
from alerter.application.ports import NewId, Store
from alerter.application.stages.dedup import dedup
from alerter.application.stages.evaluate import Change, evaluate
from alerter.application.stages.group import group
from alerter.application.stages.record import record
from alerter.application.stages.send import Sent, outcome, send
from alerter.application.stages.silence import silence
from alerter.domain.group import SHOWN_IN_SHARED
from alerter.domain.notice import Notice
from alerter.domain.notification import Backoff, Notification
from alerter.domain.rule import Judgement, Rule
from shared.contracts.alerts import ChannelDefined
from shared.runtime import failpoints


@dataclass(frozen=True)
class Telling:
    """The first half: from judgements to waiting notifications."""

    kinds: Mapping[str, ChannelKind]
    new_id: NewId

    async def judged(self, judged: Sequence[tuple[Rule, Judgement]], store: Store, now: datetime) -> None:
        """Take judgements through all stages up to the outbox."""
        if judged:
            await self.changed(await evaluate(judged, store, now, self.new_id), store, now)

    async def changed(self, changes: Sequence[Change], store: Store, now: datetime) -> None:
        """Take changes that are saved already through the rest."""
        if not changes:
            return
        loud = silence(changes, await store.silences(), now)
        placed = await group(loud, store, self.new_id)
        waiting = await dedup(placed, store, self.kinds, now, self.new_id)
        await store.queue(waiting)
        await store.mark_told(change.after.alert_id for change in loud if change.after.fired_at)
        failpoints.hit("alerter.tell.before_commit")


@dataclass(frozen=True)
class Claimed:
    """A notification that this replica may send, with everything that the sending needs."""

    notification: Notification
    notice: Notice
    receipt: str
    """Of the message that is already there; empty when there is none."""
    channel: ChannelDefined | None


@dataclass(frozen=True)
class Sending:
    """The second half: from a waiting notification to its receipt."""

    transaction: Callable[[], AbstractAsyncContextManager[Store]]
    kinds: Mapping[str, ChannelKind]
    open_secret: Callable[[ChannelDefined], Mapping[str, str]]
    backoff: Backoff
    public_url: str
    holder: str
    lease: float

    async def claim(self) -> Claimed | None:
        """Take the next notification that may be sent, and write it as late as possible, so that it tells the newest state."""
        async with self.transaction() as store:
            notification = await store.claim(self.holder, self.lease)
            return None if notification is None else await self._written(notification, store)

    async def deliver(self, claimed: Claimed) -> Sent:
        """Send it. No transaction is open meanwhile."""
        try:
            return await send(claimed.notice, claimed.receipt, self._channel(claimed.channel))
        except Permanent as error:
            return Sent(error=error)

    async def settle(self, claimed: Claimed, sent: Sent) -> bool:
        """Record how it ended; False when the claim is stale by now."""
        kind = self.kinds.get(claimed.channel.kind) if claimed.channel else None
        async with self.transaction() as store:
            result = outcome(claimed.notification, sent, await store.now(), self.backoff)
            return await record(result, sent, store, pace=kind.pace if kind else 0.0)

    async def _written(self, notification: Notification, store: Store) -> Claimed:
        channel = await store.channel(notification.channel_id)
        alerts, total, shared, receipt = await store.shown(notification.message_id, SHOWN_IN_SHARED)
        notice = Notice(
            notification_id=notification.notification_id,
            message_id=notification.message_id,
            transition=notification.transition,
            alerts=tuple(alerts),
            total=total,
            shared=shared,
            channel=channel.name if channel else notification.channel_id,
            public_url=self.public_url,
            now=await store.now(),
            possible_duplicate=notification.possible_duplicate,
        )
        return Claimed(notification, notice, receipt, channel)

    def _channel(self, defined: ChannelDefined | None) -> Channel:
        if defined is None:
            raise Permanent("The channel was removed.")
        if not defined.enabled:
            raise Permanent(f"The channel {defined.name} is switched off.")
        kind = self.kinds.get(defined.kind)
        if kind is None:
            raise Permanent(f"There is no kind of channel named {defined.kind}; known are {', '.join(sorted(self.kinds))}.")
        return kind.build(defined.options, self.open_secret(defined))
