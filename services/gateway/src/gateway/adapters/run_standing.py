"""Where a run stands, read inside the transaction that asks something of it."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.tables import Run, RunComponent, WorkflowVersion
from gateway.domain.retrying import Graph, Part, Standing, graph_of


async def standing_of(session: AsyncSession, run_id: str) -> Standing | None:
    """Return where a run stands, None when there is none."""
    run = (await session.execute(select(Run).where(Run.run_id == run_id))).scalar_one_or_none()  # type: ignore[arg-type]
    if run is None:
        return None
    rows = select(RunComponent).where(RunComponent.run_id == run_id)  # type: ignore[arg-type]
    parts = {
        row.component: Part(row.status, row.generation, held=str((row.held or {}).get("limit", "")))
        for row in (await session.execute(rows)).scalars()
    }
    return Standing(
        run_id=run_id,
        workflow_id=run.workflow_id,
        workflow=run.workflow,
        status=run.status,
        version=run.version,
        seq=run.seq,
        inputs=run.inputs,
        parts=parts,
        graph=await graph_in(session, run.workflow_id, run.version) or Graph(names=tuple(parts)),
        gone=bool((run.refusal or {}).get("gone")),
    )


async def graph_in(session: AsyncSession, workflow_id: str, version: int | None) -> Graph | None:
    """Return the graph of a version, None when the gateway has no such version."""
    wanted = (WorkflowVersion.workflow_id == workflow_id, WorkflowVersion.version == (version or 0))
    definition = (await session.execute(select(WorkflowVersion.definition).where(*wanted))).scalar_one_or_none()  # type: ignore[call-overload]
    return None if definition is None else graph_of(definition)
