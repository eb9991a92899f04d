"""Graphs, run rows and the pages of workflows."""

from gateway.application.views.diff import DiffLine, Theirs
from gateway.application.views.flow import FlowEdge, FlowGraph, FlowNode
from gateway.application.views.parts import Action, Choice, FieldProblem, FilterChip
from gateway.application.views.runs import (
    RunRow,
    RunsPage,
)
from gateway.application.views.workflows import (
    Diagnostic,
    Validation,
    WorkflowEditorPage,
    WorkflowRow,
    WorkflowsPage,
)
from sample_pages.frame import AWAY, ago, history, state

YAML = """# Replays orders; the queue is declared by its owner.
workflow: order-processing
description: Replays orders from Kafka into the queue and has them processed
components:
  OrderTopic:   {kind: kafka, endpoint: prod-kafka, topic: orders}
  OrderQueue:
    kind: mq
    endpoint: orders-mq
    queue: orders
    retry: {strategy: exponential, first: 1s, factor: 2, most: 30s, attempts: 5}
  OrderService:
    kind: service
    endpoint: order-service
    path: /orders
    retry: {strategy: fixed, every: 2s, attempts: 3}
connections:
  - {from: OrderTopic, to: OrderQueue, kind: kafka-to-mq}
  - {from: OrderQueue, to: OrderService, kind: processing}
"""


def _node(name: str, kind: str, endpoint: str, word: str, left: str, right: str) -> FlowNode:
    return FlowNode(
        id=name,
        kind=kind,
        endpoint=endpoint,
        state=state(word),
        left=left,
        right=right,
        url=f"/runs/r7/?component={name}",
    )


RUN_GRAPH = FlowGraph(
    nodes=(
        _node("OrderTopic", "kafka", "Kafka · prod-kafka", "succeeded", "120,000 read", "6 partitions"),
        _node("RefundTopic", "kafka", "Kafka · prod-kafka", "succeeded", "9,014 read", "3 partitions"),
        _node("OrderQueue", "mq", "RabbitMQ · orders-mq", "retrying", "48,210 confirmed", "attempt 4 / 5"),
        _node("RefundQueue", "mq", "RabbitMQ · orders-mq", "succeeded", "9,014 confirmed", "11.7 s"),
        _node("OrderService", "service", "Service · order-service", "waiting", "waits for OrderQueue", "attempt 0 / 3"),
    ),
    edges=(
        FlowEdge(
            id="e1",
            source="OrderTopic",
            target="OrderQueue",
            kind="kafka-to-mq",
            label="48,210",
            state=state("succeeded"),
        ),
        FlowEdge(
            id="e2",
            source="RefundTopic",
            target="RefundQueue",
            kind="processing",
            label="9,014",
            state=state("succeeded"),
        ),
        FlowEdge(
            id="e3",
            source="OrderQueue",
            target="OrderService",
            kind="processing",
            label="waits",
            state=state("retrying"),
        ),
        FlowEdge(id="e4", source="RefundQueue", target="OrderService", kind="processing", state=state("waiting")),
    ),
    selected="OrderQueue",
)
PLAIN_GRAPH = FlowGraph(
    nodes=tuple(
        FlowNode(id=node.id, kind=node.kind, endpoint=node.endpoint)
        for node in RUN_GRAPH.nodes
        if node.id in ("OrderTopic", "OrderQueue", "OrderService")
    ),
    edges=(
        FlowEdge(id="e1", source="OrderTopic", target="OrderQueue", kind="kafka-to-mq", label="kafka-to-mq"),
        FlowEdge(id="e3", source="OrderQueue", target="OrderService", kind="processing", label="processing"),
    ),
)


_TONES = ("ok", "ok", "retry", "ok", "waiting")


def run_row(place: int, word: str, what: str) -> RunRow:
    return RunRow(
        id=f"0192f3aa-7c00-7000-8000-00000000000{place}",
        url=f"/runs/r{place}/",
        workflow=("order-processing", "invoices to billing", "clicks re-key")[place % 3],
        workflow_url="/workflows/order-processing/",
        version=7 - place % 3,
        state=state(word),
        what=what,
        started=ago(140 + place * 900),
        took_seconds=134 + place * 47 if word != "waiting" else None,
        by=("Tomás Rey", "Mira Kessler", "message on runs.commands.v1")[place % 3],
        components=_TONES if word == "retrying" else ("ok", "ok", "ok") if word == "succeeded" else ("ok", "bad", "waiting"),  # type: ignore[arg-type]
    )


ROWS = (
    run_row(7, "retrying", "OrderQueue tries again in 12 s: queue “orders” does not exist"),
    run_row(8, "running", "41,200 messages a second, 72 % done"),
    run_row(1, "succeeded", "120,000 messages moved, every one confirmed"),
    run_row(2, "failed", "OrderService answered 500 in 3 of 3 attempts"),
    run_row(3, "cancelled", "Cancelled by Mira Kessler; 9,000 messages were moved before"),
    run_row(4, "succeeded", "9,014 messages moved"),
)


def runs() -> RunsPage:
    chips = tuple(
        FilterChip(label=label, url=f"/runs/?state={label.lower()}", count=count, more=count == 1000, active=label == "All")
        for label, count in (("All", None), ("Running", 2), ("Waiting", 1), ("Parked", 1), ("Failed", 4), ("Succeeded", 1000))
    )
    parked = ROWS[3].model_copy(
        update={"id": "r9", "state": state("parked"), "what": "OrderQueue is parked: it needs a person", "may_retry": True}
    )
    return RunsPage(
        rows=(ROWS[0].model_copy(update={"key": "order-4711"}), parked, *ROWS[1:]),
        chips=chips,
        workflows=(Choice(value="order-processing", label="order-processing"),),
        triggers=(Choice(value="schedule", label="Schedule"), Choice(value="kafka", label="Kafka event")),
        spans=(Choice(value="24h", label="Last 24 hours"), Choice(value="7d", label="Last 7 days")),
        total_text="7 runs of 1,000+",
        bulk_url="/runs/bulk/add/",
        next_url="/runs/?after=x",
    )


def no_runs() -> RunsPage:
    nothing = {"rows": (), "total_text": "", "bulk_url": "", "next_url": "", "trouble": AWAY}
    return runs().model_copy(update=nothing)


def no_match() -> RunsPage:
    note = "Words of fewer than 3 letters are looked for in the newest runs only."
    return no_runs().model_copy(update={"filtered": True, "search": "x", "note": note, "since": "2026-11-22T00:00:00+00:00"})


def workflows() -> WorkflowsPage:
    def row(name: str, kinds: tuple[str, ...], word: str | None, about: str) -> WorkflowRow:
        return WorkflowRow(
            id=name,
            name=name,
            url=f"/workflows/{name}/",
            description=about,
            version=7,
            kinds=kinds,
            last=state(word) if word else None,
            last_at=ago(140) if word else None,
            bars=history("ssssfssssssssr") if word else (),
            changed_at=ago(86400 * 2),
            changed_by="Mira Kessler",
            run=Action(
                label=f"Start {name}",
                url=f"/workflows/{name}/start/",
                icon="play",
                confirm=f"Start {name} v7 now?",
                consequence="Runs all its components once, without inputs.",
            ),
        )

    return WorkflowsPage(
        rows=(
            row(
                "order-processing",
                ("kafka", "mq", "service"),
                "retrying",
                "Replays orders from Kafka into the queue and has them processed",
            ),
            row("invoices-to-billing", ("kafka", "mq"), "running", "Hands invoices to the billing queue"),
            row("nightly-close", ("kafka", "kafka", "service"), None, "Closes the books of the day"),
        )
    )


def editor() -> WorkflowEditorPage:
    return WorkflowEditorPage(
        id="order-processing",
        name="order-processing",
        yaml=YAML.replace("orders-mq", "orders-mw"),
        version=7,
        etag="7",
        endpoints=("prod-kafka", "orders-mq", "order-service"),
        validation=Validation(
            summary="1 finding",
            graph=PLAIN_GRAPH,
            diagnostics=(
                Diagnostic(
                    line=8,
                    column=15,
                    path="components.OrderQueue.endpoint",
                    message="There is no endpoint “orders-mw”.",
                    hint="Did you mean orders-mq?",
                ),
                Diagnostic(
                    line=18,
                    column=5,
                    path="connections[1]",
                    message="“processing” sends each message on its own.",
                    severity="warning",
                ),
            ),
        ),
    )


def overtaken() -> WorkflowEditorPage:
    """Somebody published a version while this was typed."""
    lines = (
        DiffLine(kind="gap", skipped=7),
        DiffLine(
            kind="changed", before=8, after=8, before_text="    endpoint: orders-mq", after_text="    endpoint: orders-mw", first=True
        ),
        DiffLine(kind="same", before=9, after=9, before_text="    queue: orders", after_text="    queue: orders"),
    )
    problem = FieldProblem(field="", message="The workflow was changed meanwhile: you started from revision 6.", take='"7"')
    theirs = Theirs(version=7, by="mk", at=ago(600), lines=lines, cut=False)
    return editor().model_copy(update={"etag": '"6"', "problems": (problem,), "theirs": theirs})


def new_workflow() -> WorkflowEditorPage:
    return WorkflowEditorPage(
        yaml=YAML,
        problems=(FieldProblem(field="", message="A workflow named “order-processing” exists already.", hint="Choose another name."),),
    )
