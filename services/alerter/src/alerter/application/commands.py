"""What people ask of alerts and channels: acknowledge, silence, send a test message."""

from dataclasses import dataclass

from alerter.application.pipeline import Telling
from alerter.application.ports import NewId, Store
from alerter.application.stages.evaluate import Change
from alerter.domain.alert import acknowledge
from alerter.domain.group import Live
from alerter.domain.notification import Notification, Status
from alerter.domain.silence import Silence
from shared.contracts.alerts import AcknowledgeAlert, SilenceRule, TestChannel


class Impossible(Exception):
    """A command that can never be obeyed; the message says why."""


@dataclass(frozen=True)
class Commands:
    """The use cases of ``alerts.commands.v1``."""

    telling: Telling
    new_id: NewId

    async def obey(self, command: AcknowledgeAlert | SilenceRule | TestChannel, store: Store) -> None:
        """Do what is asked; raise Impossible when it makes no sense."""
        if isinstance(command, AcknowledgeAlert):
            await self._acknowledge(command, store)
        elif isinstance(command, SilenceRule):
            await store.put_silence(Silence(command.rule_id, command.until, command.requested_by, command.reason))
        else:
            await self._test(command, store)

    async def _acknowledge(self, command: AcknowledgeAlert, store: Store) -> None:
        await store.lock()
        alert = await store.by_id(command.alert_id)
        if alert is None:
            raise Impossible(f"There is no alert {command.alert_id}.")
        now = await store.now()
        after = acknowledge(alert, command.requested_by or "somebody", now)
        if after != alert:
            await store.save([after])
            await self.telling.changed([Change(alert, after)], store, now)

    async def _test(self, command: TestChannel, store: Store) -> None:
        now = await store.now()
        message = Live(self.new_id(), "", command.channel_id, shared=False, alert_ids=())
        await store.open_message(message)
        await store.queue(
            [
                Notification(
                    notification_id=self.new_id(),
                    message_id=message.message_id,
                    channel_id=command.channel_id,
                    transition="test",
                    status=Status.WAITING,
                    created_at=now,
                    changed_at=now,
                    request_id=command.request_id,
                    next_attempt_at=now,
                ),
            ],
        )
