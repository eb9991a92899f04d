"""From what a page shows of a run to what a retry of it would do."""

from gateway.application.answers.runs import RunDetail
from gateway.domain.retrying import Graph, Part, Standing

STANDS_STILL = frozenset({"succeeded", "failed", "cancelled", "parked"})


def run_graph(run: RunDetail) -> Graph:
    """Return the graph of a run's own version."""
    return Graph(
        names=tuple(node.name for node in run.nodes) or tuple(item.component for item in run.components),
        edges=tuple((edge.source, edge.target) for edge in run.edges),
        joins={node.name: node.join for node in run.nodes},
        compensations=frozenset(node.name for node in run.nodes if node.compensates),
    )


def standing_of(run: RunDetail) -> Standing:
    """Return where a run stands."""
    return Standing(
        run_id=run.id,
        workflow_id=run.workflow_id,
        workflow=run.workflow,
        status=run.status,
        version=run.version,
        seq=run.seq,
        inputs=run.inputs,
        parts={item.component: Part(item.status, item.generation, held=item.held.limit if item.held else "") for item in run.components},
        graph=run_graph(run),
        gone=run.refusal is not None and run.refusal.gone,
    )


def seen_seq(run: RunDetail) -> int:
    """Return the event up to which a form has seen the run; 0 for one that moves by itself, where the number says little."""
    return run.seq if run.status in STANDS_STILL else 0
