"""DAG runs that clusters told of, and the triggers that they fire: in the transaction that takes the observation in."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from executor.adapters.triggers.ledger import COLUMNS, fire, now_of, row_of
from executor.application.triggers.asking import prepare_all
from executor.application.triggers.ports import TriggerRow
from executor.domain.triggers.dag import concerns, judge
from executor.domain.triggers.firing import Firing, NotFired
from shared.contracts.dags import DagRunSeen, DagRunsObserved
from shared.contracts.workflows import DagTrigger
from shared.runtime.delivery import Transaction

_PREFIXED = ", ".join(f"t.{column.strip()}" for column in COLUMNS.split(","))


async def take_dag_runs(transaction: Transaction, observations: Sequence[Any]) -> None:
    """Fire for DAG runs that reached a state. What a cluster held when it was first read is history, not news."""
    news = [seen for seen in observations if isinstance(seen, DagRunsObserved) and not seen.first_sight and seen.runs]
    if not news:
        return
    query = f"""
    SELECT c.cluster_id, {_PREFIXED} FROM triggers t JOIN clusters c ON c.name = t.body->>'cluster'
    WHERE t.kind = 'dag' AND NOT t.gone AND c.cluster_id = ANY(:ids) ORDER BY t.workflow_id, t.name
    """  # noqa: S608 - constants of this module
    ids = sorted({seen.cluster_id for seen in news})
    for found in list(await transaction.session.execute(text(query), {"ids": ids})):
        row = row_of(found)
        assert isinstance(row.trigger, DagTrigger)  # noqa: S101 - they were picked so
        runs = [run for seen in news if seen.cluster_id == found.cluster_id for run in seen.runs]
        hits = [run for run in runs if concerns(row.trigger, run, row.since)]
        if hits:
            await _fire(transaction, row, found.cluster_id, hits)


async def _fire(transaction: Transaction, row: TriggerRow, cluster_id: str, hits: Sequence[DagRunSeen]) -> None:
    # Locked, so that a pause that was answered holds for all that follows it.
    query = f"SELECT {COLUMNS} FROM triggers WHERE workflow_id = :workflow_id AND name = :name AND NOT gone FOR UPDATE"  # noqa: S608
    found = (await transaction.session.execute(text(query), {"workflow_id": row.workflow_id, "name": row.name})).one_or_none()
    if found is None:
        return
    row = row_of(found)
    assert isinstance(row.trigger, DagTrigger)  # noqa: S101 - it was one before
    verdicts = [judge(row.trigger, cluster_id, run) for run in hits]
    prepared, refused = prepare_all(row, [one for one in verdicts if isinstance(one, Firing)])
    failed = [one for one in verdicts if isinstance(one, NotFired)]
    await fire(transaction, row, prepared, [*failed, *refused], await now_of(transaction))
