"""What commands lead to that is no start: inbox row and effect in one transaction."""

from executor.adapters.tables import RequestRow
from executor.adapters.triggers.events import tell_paused_event
from executor.application.asked import Asked
from executor.application.commands import Refusal
from shared.contracts.runs import CommandRefused
from shared.contracts.topics import RUNS_OUTCOMES
from shared.runtime import clock
from shared.runtime.delivery import Outbox, Transaction
from shared.runtime.delivery.inbox import enter
from shared.runtime.plain import writable
from shared.runtime.tracing import continue_trace


class PostgresDesk:
    def __init__(self, outbox: Outbox, consumer: str) -> None:
        self._outbox = outbox
        self._consumer = consumer

    async def _new(self, transaction: Transaction, asked: Asked) -> bool:
        return bool(await enter(transaction.session, self._consumer, {asked.event_id: asked.position}))

    async def refuse(self, refusal: Refusal) -> None:
        asked = refusal.asked
        event = CommandRefused(
            run_id=refusal.run_id,
            workflow_id=refusal.workflow_id,
            seq=1,
            at=clock.now(),
            command=asked.command.command,
            reason=writable(refusal.reason[:4000]),
            requested_by=writable(asked.command.requested_by),
            workflow=refusal.workflow,
        )
        with continue_trace(asked.traceparent):
            async with self._outbox.transaction() as transaction:
                if await self._new(transaction, asked):
                    transaction.publish(RUNS_OUTCOMES, event, key=refusal.run_id, event_id=f"refused:{asked.event_id}"[:200])
                    if refusal.paused:
                        await tell_paused_event(transaction, refusal.workflow_id, asked.event_id)

    async def keep(self, asked: Asked, run_id: str) -> None:
        async with self._outbox.transaction() as transaction:
            if await self._new(transaction, asked):
                transaction.session.add(RequestRow(run_id=run_id, external=asked.external, body=asked.command.model_dump_json()))

    async def enter(self, asked: Asked) -> None:
        async with self._outbox.transaction() as transaction:
            await self._new(transaction, asked)
