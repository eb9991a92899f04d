"""Graphs, run rows and the pages of workflows."""

from gateway.application.views.endpoints import ConfigField
from gateway.application.views.flow import FlowEdge, FlowGraph, FlowNode
from gateway.application.views.parts import Action, Choice, Fact, FieldProblem, FilterChip
from gateway.application.views.runs import (
    RunRow,
    RunsPage,
)
from gateway.application.views.workflows import (
    Diagnostic,
    Outcome,
    OutcomesView,
    StartForm,
    StartPage,
    Validation,
    VersionRow,
    WorkflowEditorPage,
    WorkflowPage,
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
        FilterChip(label=label, url=f"/runs/?state={label.lower()}", count=count, active=label == "All")
        for label, count in (("All", 1204), ("Running", 2), ("Retrying", 1), ("Failed", 4), ("Succeeded", 1197))
    )
    return RunsPage(rows=ROWS, chips=chips, total=1204, next_url="/runs/?after=x")


def no_runs() -> RunsPage:
    return runs().model_copy(update={"rows": (), "total": 0, "next_url": "", "trouble": AWAY})


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


def _version(number: int, days: float, by: str, changes: tuple[str, ...], note: str = "", *, shown: bool = False) -> VersionRow:
    return VersionRow(
        version=number,
        url=f"/workflows/order-processing/?version={number}",
        changed_at=ago(86400 * days),
        changed_by=by,
        note=note,
        shown=shown,
        changes=changes,
        compare_url=f"/workflows/order-processing/versions/{number - 1}/compare/{number}/" if number > 1 else "",
        download_url=f"/workflows/order-processing/versions/{number}/workflow.yaml",
        again=None
        if number == 7
        else Action(
            label=f"Publish version {number} again",
            url=f"/workflows/order-processing/versions/{number}/publish/",
            icon="history",
            confirm=f"Publish version {number} of order-processing again?",
            consequence=f"Makes version 8 with the text of version {number}. Runs under way keep theirs.",
        ),
    )


VERSIONS = (
    _version(
        7, 2, "Mira Kessler", ("OrderQueue: queue is “orders” instead of “orders-eu”.", "The time limit is 2h instead of 30m."), shown=True
    ),
    _version(6, 9, "Tomás Rey", ("OrderQueue: retry is strategy exponential, first 1s, factor 2, most 30s, attempts 5.",), "longer retry"),
    _version(5, 12, "Tomás Rey", ()),
    _version(1, 40, "Mira Kessler", ()),
)


def start_form(**changes: object) -> StartForm:
    return StartForm(
        id="order-processing",
        name="order-processing",
        version=7,
        latest=7,
        versions=tuple(Choice(value=str(n), label=f"Version {n}" + (", the newest" if n == 7 else "")) for n in (7, 6, 5, 4)),
        fields=(
            ConfigField(name="inputs.day", label="day", input="date", help="Day of business. A date, e.g. 2026-11-22.", required=True),
            ConfigField(
                name="inputs.country",
                label="country",
                input="select",
                options=tuple(Choice(value=v, label=v or "Left out: DE") for v in ("", "DE", "AT", "CH")),
                value="DE",
            ),
            ConfigField(name="inputs.limit", label="limit", input="number", value="100", help="A whole number, at least 1."),
            ConfigField(
                name="inputs.order",
                label="order",
                input="textarea",
                help="The order to begin with. A JSON object, as JSON.",
                required=True,
                placeholder='{"id": "…"}',
            ),
        ),
    ).model_copy(update=changes)


def start_page() -> StartPage:
    return StartPage(start=start_form())


def start_wrong() -> StartPage:
    fields = tuple(
        field.model_copy(update={"value": {"inputs.limit": "0", "inputs.order": "{id: 7"}.get(field.name, field.value)})
        for field in start_form().fields
    )
    problems = (
        FieldProblem(field="inputs.day", message="This is needed.", hint="Day of business"),
        FieldProblem(field="inputs.limit", message="0 is less than the minimum of 1.", hint="It takes a whole number."),
        FieldProblem(field="inputs.order", message="This is not a JSON object.", hint="Write it as JSON."),
    )
    return StartPage(start=start_form(fields=fields, problems=problems, version=6))


def start_free() -> StartPage:
    return StartPage(
        start=start_form(fields=(), versions=(), version=1, latest=1, refused="The workflow 'x' was deleted: no new run starts.")
    )


OUTCOMES = OutcomesView(
    days=7,
    sentence="98.2 % succeeded of 171 runs in 7 days (2 neither succeeded nor failed).",
    tone="retry",
    outcomes=tuple(
        Outcome(state=state(word), count=count, share=count / 171, url=f"/runs/?state={word}")
        for word, count in (("succeeded", 166), ("failed", 3), ("cancelled", 1), ("running", 1))
    ),
    seconds_p50=134.2,
    seconds_p95=412.0,
    last_sentence="94.0 % succeeded of the last 50 runs.",
)


def workflow() -> WorkflowPage:
    return WorkflowPage(
        id="order-processing",
        name="order-processing",
        description="Replays orders from Kafka into the queue and has them processed",
        version=7,
        latest=7,
        graph=PLAIN_GRAPH,
        yaml=YAML,
        facts=(
            Fact(label="Version", value="7 of 7"),
            Fact(label="Published", value="2026-11-20 12:41 UTC by Mira Kessler"),
            Fact(label="Started by", value="event"),
            Fact(label="Business key", value="inputs.order.id", mono=True),
            Fact(label="Time limit", value="2h"),
            Fact(label="Runs at once", value="at most 5"),
            Fact(label="Endpoint", value="orders-mq", url="/endpoints/orders-mq/"),
        ),
        versions=VERSIONS,
        runs=ROWS,
        bars=history("sssfssssssssssssfssssssssxsssssfssssssssssssssssst"),
        outcomes=OUTCOMES,
        start=start_form(),
        actions=(
            Action(
                label="Run",
                url="/workflows/order-processing/start/",
                method="get",
                look="primary",
                icon="play",
                opens="start-dialog",
            ),
            Action(label="Edit", url="/workflows/order-processing/edit/", method="get", icon="edit"),
            Action(label="Delete", url="/workflows/order-processing/delete/", method="get", look="danger", icon="delete"),
        ),
    )


def old_workflow() -> WorkflowPage:
    """An older version, while the executor is away."""
    trouble = AWAY.model_copy(update={"title": "The executor is away", "text": "Runs do not move on, and new ones wait."})
    return workflow().model_copy(update={"version": 6, "trouble": trouble})


def broken_workflow() -> WorkflowPage:
    return workflow().model_copy(
        update={
            "runs": (),
            "bars": (),
            "outcomes": OutcomesView(days=7, sentence="No run in the last 7 days.", tone="unknown"),
            "start": None,
            "trouble_text": "The endpoint “orders-mq” was deleted. Add it again, or name another one.",
            "actions": (),
            "description": "",
        }
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


def new_workflow() -> WorkflowEditorPage:
    return WorkflowEditorPage(
        yaml=YAML,
        problems=(FieldProblem(field="", message="A workflow named “order-processing” exists already.", hint="Choose another name."),),
    )
