"""One transaction of the gateway: the port Work over PostgreSQL and the outbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.adapters.bulk_rows import BulkRows
from gateway.adapters.definition_rows import DefinitionRows
from gateway.adapters.ledger import keep_answer, remember, write_audit, write_changes
from gateway.adapters.run_standing import standing_of
from gateway.adapters.tables import Alert, ClusterCommandRow, Dag, Run, RunWords, TriggerState
from gateway.application.definitions import Entry
from gateway.application.ports.work import Remembered
from gateway.application.projections.run_state import words_of
from gateway.domain.retrying import Standing
from shared.contracts.clusters import ClusterCommand, CommandStatus
from shared.contracts.runs import StartRun
from shared.contracts.topics import Topic
from shared.runtime.clock import now
from shared.runtime.delivery import Outbox, Transaction
from shared.runtime.tracing import current_traceparent


class SqlWork(DefinitionRows, BulkRows):
    """The port Work inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction.session)
        self._transaction = transaction
        self._changes: list[tuple[str, str]] = []
        self._entries: list[Entry] = []

    async def standing(self, run_id: str) -> Standing | None:
        return await standing_of(self._session, run_id)

    async def run_asked(self, start: StartRun, *, workflow_id: str, version: int, trigger: str) -> None:
        """Note the wish. The executor's first event may have overtaken nothing: it can't know the run before."""
        at = now()
        traceparent = current_traceparent()
        await self._session.execute(
            insert(Run).values(
                run_id=start.run_id,
                workflow_id=workflow_id,
                workflow=start.workflow,
                version=version,
                status="asked",
                inputs=start.inputs,
                requested_by=start.requested_by,
                trigger=trigger,
                trigger_kind=trigger,
                trace_id=traceparent.split("-")[1] if traceparent else None,
                parent_span_id=traceparent.split("-")[2] if traceparent else None,
                asked_at=at,
                updated_at=at,
                message="",
                seq=0,
                gaps=0,
            )
        )
        words = words_of(start.run_id or "", None, start.inputs)
        await self._session.execute(insert(RunWords).values(run_id=start.run_id, asked_at=at, words=words))

    async def trigger_paused(self, workflow_id: str, trigger: str) -> bool | None:
        """Return whether it is paused as far as we know; None = no executor has said how it stands."""
        query = select(TriggerState.paused).where(TriggerState.workflow_id == workflow_id, TriggerState.trigger == trigger)  # type: ignore[call-overload]
        found: bool | None = (await self._session.execute(query)).scalar_one_or_none()
        return found

    async def cancel_asked(self, run_id: str) -> None:
        await self._session.execute(update(Run).where(Run.run_id == run_id).values(cancel_asked_at=now()))  # type: ignore[arg-type]

    async def command_asked(self, command: ClusterCommand) -> None:
        do = command.do
        await self._session.execute(
            insert(ClusterCommandRow).values(
                command_id=command.command_id,
                cluster_id=command.cluster_id,
                action=do.action,
                dag_id=getattr(do, "dag_id", None),
                dag_run_id=getattr(do, "dag_run_id", None),
                body=do.model_dump(mode="json"),
                status=CommandStatus.ASKED.value,
                reason="",
                requested_by=command.requested_by,
                asked_at=command.requested_at,
                observed={},
            )
        )

    async def dag_exists(self, cluster_id: str, dag_id: str) -> bool:
        query = select(Dag.dag_id).where(Dag.cluster_id == cluster_id, Dag.dag_id == dag_id)  # type: ignore[call-overload]
        return (await self._session.execute(query)).scalar_one_or_none() is not None

    async def alert_exists(self, alert_id: str) -> bool:
        query = select(Alert.alert_id).where(Alert.alert_id == alert_id)  # type: ignore[call-overload]
        return (await self._session.execute(query)).scalar_one_or_none() is not None

    def publish(self, topic: Topic, event: BaseModel | None, *, key: str, event_id: str | None = None) -> None:
        self._transaction.publish(topic, event, key=key, event_id=event_id)

    async def audit(self, entry: Entry) -> None:
        self._entries.append(entry)

    async def changed(self, kind: str, subject_id: str) -> None:
        self._changes.append((kind, subject_id))

    async def remember(self, principal: str, route: str, key: str) -> Remembered | None:
        return await remember(self._session, principal, route, key)

    async def answered(self, principal: str, route: str, key: str, answer: Remembered) -> None:
        await keep_answer(self._session, principal, route, key, answer)

    async def finish(self) -> None:
        """Write what is written last, because it holds locks that all changes share."""
        for entry in self._entries:
            await write_audit(self._session, entry)
        await write_changes(self._session, self._changes)


class SqlWorks:
    """The port Works over the outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqlWork]:
        """Open a transaction; it commits at the end of the block, and what was published leaves then."""
        async with self._outbox.transaction() as transaction:
            work = SqlWork(transaction)
            yield work
            await work.finish()
