"""Writes batches of run events: loads what they concern, folds in memory, upserts what changed."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.ledger import write_changes
from gateway.adapters.read_model.bulk_results import settle_bulk_items
from gateway.adapters.read_model.outside_audit import Told, may_be_asked, note_outside, stands
from gateway.adapters.read_model.trigger_writer import write_event_starts
from gateway.adapters.tables import Run, RunAttempt, RunComponent, RunEventRow, RunWords, WorkflowVersion
from gateway.application.projections.run_state import RunState, words_of
from gateway.application.projections.runs import fold, fresh, stands_beside
from shared.contracts.runs import RunEvent, RunFinished, RunReopened, RunStarted


async def write_run_events(session: AsyncSession, events: Sequence[RunEvent]) -> None:
    """Take in events; those that are in the read model already change nothing."""
    states = await _load(session, {event.run_id for event in events})
    declared = await _declared(session, events)
    taken: list[RunEvent] = []
    told: list[Told] = []
    changes: list[tuple[str, str]] = []
    for event in events:
        state = states.get(event.run_id)
        if state is None:
            state = states[event.run_id] = fresh(event.run_id, event)
        state.declared = declared
        asked = may_be_asked(state, event)
        before = stands(state) if asked else {}
        if fold(state, event):
            taken.append(event)
            if asked:
                told.append(Told(event, str(state.row["workflow"]), before, stands(state)))
            changes.append(("run", event.run_id))
            if isinstance(event, RunStarted | RunFinished | RunReopened):
                changes.append(("workflow", event.workflow_id))
    if not taken:
        return
    touched = [states[run_id] for run_id in dict.fromkeys(event.run_id for event in taken)]
    await _upsert(session, Run, ("run_id",), [state.row for state in touched])
    words = [
        {
            "run_id": state.run_id,
            "asked_at": state.row["asked_at"],
            "words": words_of(state.run_id, state.row["business_key"], state.row["inputs"]),
        }
        for state in touched
        if state.renamed
    ]
    await _upsert(session, RunWords, ("run_id",), words)
    for state in touched:
        if state.gone:
            gone = delete(RunComponent).where(RunComponent.run_id == state.run_id, RunComponent.component.in_(sorted(state.gone)))  # type: ignore[arg-type, attr-defined]
            await session.execute(gone)
    await _upsert(
        session,
        RunComponent,
        ("run_id", "component"),
        [{"run_id": state.run_id, **state.components[name]} for state in touched for name in sorted(state.touched)],
    )
    await _upsert(
        session,
        RunAttempt,
        ("run_id", "component", "generation", "attempt"),
        [{"run_id": state.run_id, **attempt} for state in touched for attempt in state.attempts.values()],
    )
    rows = [
        {"run_id": event.run_id, "seq": event.seq, "event": event.event, "at": event.at, "body": event.model_dump(mode="json")}
        for event in taken
        if not stands_beside(event)
    ]
    if rows:
        await session.execute(insert(RunEventRow).on_conflict_do_nothing(), rows)
    changes += await write_event_starts(session, taken)
    changes += await settle_bulk_items(session, taken)
    await note_outside(session, told)
    await write_changes(session, changes)


async def _load(session: AsyncSession, run_ids: set[str]) -> dict[str, RunState]:
    ids = sorted(run_ids)
    query = select(Run).where(Run.run_id.in_(ids)).order_by(Run.run_id).with_for_update()  # type: ignore[attr-defined]
    states = {row.run_id: RunState(row.run_id, row.model_dump()) for row in (await session.execute(query)).scalars()}
    if not states:
        return states
    components = select(RunComponent).where(RunComponent.run_id.in_(sorted(states)))  # type: ignore[attr-defined]
    for component in (await session.execute(components)).scalars():
        states[component.run_id].components[component.component] = component.model_dump(exclude={"run_id"})
    attempts = select(RunAttempt).where(RunAttempt.run_id.in_(sorted(states)))  # type: ignore[attr-defined]
    for attempt in (await session.execute(attempts)).scalars():
        key = (attempt.component, attempt.generation, attempt.attempt)
        states[attempt.run_id].attempts[key] = attempt.model_dump(exclude={"run_id"})
    return states


async def _declared(session: AsyncSession, events: Sequence[RunEvent]) -> Callable[[str, int], Iterable[str]]:
    wanted = {(event.workflow_id, event.version) for event in events if isinstance(event, RunStarted)}
    names: dict[tuple[str, int], list[str]] = {}
    if wanted:
        query = select(WorkflowVersion).where(WorkflowVersion.workflow_id.in_([workflow for workflow, _ in wanted]))  # type: ignore[attr-defined]
        for row in (await session.execute(query)).scalars():
            # A compensation is no part of a run before the run is cancelled.
            parts = row.definition.get("components", ())
            names[(row.workflow_id, row.version)] = [part["name"] for part in parts if not part.get("compensates")]
    return lambda workflow, version: names.get((workflow, version), ())


async def _upsert(session: AsyncSession, table: Any, keys: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    await session.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changed), rows)
