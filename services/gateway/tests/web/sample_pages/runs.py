"""The run page."""

from datetime import timedelta

from gateway.application.views.dags import LogLine
from gateway.application.views.parts import Action, Fact
from gateway.application.views.runs import (
    AttemptRow,
    AuditRow,
    ComponentPanel,
    GanttRow,
    GanttSegment,
    LogSearch,
    MovedRow,
    RunPage,
    SpanRow,
    WaitRow,
)
from sample_pages.flows import RUN_GRAPH, YAML
from sample_pages.frame import AWAY, NOW, ago, seen, state, tone
from sample_pages.run_parts import TRIED, WAITS


def _segment(offset: float, width: float, word: str) -> GanttSegment:
    return GanttSegment(offset=offset, width=width, tone=state(word).tone, title=word)


def run() -> RunPage:
    panel = ComponentPanel(
        name="OrderQueue",
        kind="mq",
        state=tone("retry", "Retrying"),
        what="Queue “orders” does not exist on orders-mq.",
        hint="Create it, or let the workflow declare it.",
        next_attempt_at=NOW + timedelta(seconds=12),
        attempt=4,
        attempts_allowed=5,
        actions=(
            Action(
                label="Retry now",
                url="/runs/r7/retry/",
                look="primary",
                icon="retry",
                fields={"component": "OrderQueue", "scope": "component"},
            ),
            Action(label="Other ways …", url="/runs/r7/retry/?component=OrderQueue", method="get", icon="retry-from"),
        ),
        consequence="Runs again: OrderQueue, OrderService. Stays as it is: OrderTopic, RefundQueue, RefundTopic.",
        attempts=(
            AttemptRow(
                number=4,
                tone="retry",
                at=ago(8),
                took_seconds=0.04,
                text="QueueNotFound · 404 NOT_FOUND no queue 'orders'",
            ),
            AttemptRow(number=3, tone="bad", at=ago(16), took_seconds=0.04, text="QueueNotFound"),
            AttemptRow(
                number=2,
                tone="bad",
                at=ago(50),
                took_seconds=31.2,
                text="ConnectionClosed after 48,210 confirmed; they are kept",
            ),
            AttemptRow(number=1, tone="bad", at=ago(52), took_seconds=0.9, text="BrokerUnavailable"),
        ),
        facts=(
            Fact(label="Idempotency key", value="01J9…:OrderQueue:2", mono=True),
            Fact(label="Validation", value="strict · 48,210 valid, 0 not"),
            Fact(label="Order", value="per key, kept"),
            Fact(label="Endpoint", value="orders-mq · breaker closed", url="/endpoints/orders-mq/"),
        ),
    )
    queue = (
        (0.46, 0.02, "failed"),
        (0.48, 0.02, "waiting"),
        (0.5, 0.16, "failed"),
        (0.66, 0.05, "waiting"),
        (0.71, 0.01, "failed"),
        (0.72, 0.09, "waiting"),
        (0.81, 0.01, "retrying"),
        (0.82, 0.08, "waiting"),
    )
    return RunPage(
        id="r7",
        workflow="order-processing",
        workflow_url="/workflows/order-processing/",
        version=7,
        label="order 2026-11-22",
        state=tone("retry", "Waiting to retry"),
        sentence="OrderQueue cannot find its queue",
        refusal="The retry was refused, asked by Tomás Rey: the run has gone on since event 41. Look again.",
        started=ago(134),
        ended=None,
        took_seconds=134,
        by="Mira Kessler",
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        validation="strict validation",
        graph=RUN_GRAPH,
        panel=panel,
        gantt=(
            GanttRow(
                name="RefundTopic",
                url="?component=RefundTopic",
                segments=(_segment(0, 0.34, "succeeded"),),
                took_seconds=68,
            ),
            GanttRow(
                name="OrderTopic",
                url="?component=OrderTopic",
                segments=(_segment(0.34, 0.01, "waiting"), _segment(0.35, 0.17, "succeeded")),
                took_seconds=32.1,
            ),
            GanttRow(
                name="RefundQueue",
                url="?component=RefundQueue",
                segments=(_segment(0.4, 0.07, "succeeded"),),
                took_seconds=11.7,
            ),
            GanttRow(
                name="OrderQueue",
                url="?component=OrderQueue",
                segments=tuple(_segment(*part) for part in queue),
                took_seconds=54.3,
            ),
            GanttRow(name="OrderService", url="?component=OrderService", segments=(), took_seconds=None),
        ),
        axis=("0 s", "34 s", "1 min 07 s", "1 min 40 s", "2 min 14 s"),
        waits=WAITS,
        tried=TRIED,
        inputs='{\n  "day": "2026-11-22",\n  "order": {"id": 4711}\n}',
        version_url="/workflows/order-processing/?version=7",
        deadline=NOW + timedelta(minutes=28),
        log_note="The newest 500 of 12,408 events",
        log_url="/api/runs/r7/events.jsonl",
        log_search=LogSearch(events=12_408, component="OrderQueue"),
        moved=(
            MovedRow(
                connection="OrderTopic → OrderQueue",
                kind="kafka-to-mq",
                state=state("retrying"),
                read=120000,
                confirmed=48210,
                skipped=0,
                duplicates=12,
                invalid=0,
                bytes=61_400_000,
                rate=None,
                position="partition 3 at 38,310",
            ),
            MovedRow(
                connection="OrderQueue → OrderService",
                kind="processing",
                state=state("waiting"),
                read=None,
                confirmed=None,
                skipped=None,
                duplicates=None,
                invalid=None,
                bytes=None,
                rate=None,
            ),
        ),
        spans=(
            SpanRow(
                span_id="00f067aa",
                name="run order-processing",
                service="executor",
                depth=0,
                offset=0,
                width=1,
                took_ms=None,
                tone="run",
            ),
            SpanRow(
                span_id="0af067aa",
                name="RefundTopic attempt 1",
                service="executor",
                depth=1,
                offset=0,
                width=0.34,
                took_ms=68000,
                tone="ok",
            ),
            SpanRow(
                span_id="1af067aa",
                name="airflow trigger",
                service="cluster-poller",
                depth=2,
                offset=0.01,
                width=0.02,
                took_ms=412.7,
                tone="ok",
            ),
            SpanRow(
                span_id="2af067aa",
                name="OrderQueue attempt 2",
                service="executor",
                depth=1,
                offset=0.5,
                width=0.16,
                took_ms=31200,
                tone="bad",
            ),
        ),
        yaml=YAML,
        audit=(
            AuditRow(at=ago(134), who="Mira Kessler", what="started it with day=2026-11-22"),
            AuditRow(
                at=ago(60),
                who="Mira Kessler",
                what="asked for a retry of OrderQueue",
                reason="the queue stands again",
                before="failed at event 41 (3 components succeeded, 1 component failed)",
                after="runs again: OrderQueue (generation 2)",
            ),
            AuditRow(at=ago(58), who="executor", what="refused the retry", reason="“OrderQueue” is running.", tone="bad"),
        ),
        log=tuple(
            LogLine(at=at, source=source, text=text, level=level)
            for at, source, text, level in (
                ("12:40:38.114", "OrderQueue", "opening channel on orders-mq (10.2.0.7:5672)", "info"),
                (
                    "12:40:39.020",
                    "OrderQueue",
                    "attempt 1 failed: BrokerUnavailable, retry in 2 s (exponential)",
                    "error",
                ),
                ("12:40:40.031", "OrderTopic", "partition 3: offsets 18,200 … 38,310 read, 0 filtered", "info"),
                (
                    "12:41:11.232",
                    "OrderQueue",
                    "attempt 2 failed: ConnectionClosed, 48,210 confirmed are kept, resumes behind them",
                    "error",
                ),
                ("12:40:52.411", "OrderQueue", "attempt 4 failed: QueueNotFound “orders”, retry in 16 s", "warning"),
            )
        ),
        seen=seen(1),
        live=True,
        actions=(
            Action(label="Retry …", url="/p/run-retry", method="get", icon="retry-from"),
            Action(label="Compare", url="/p/run-compare", method="get", icon="compare"),
            Action(
                label="Pause",
                url="/runs/r7/pause/",
                icon="pause",
                confirm="Pause this run of order-processing?",
                consequence="Nothing more starts. What is under way ends, and its outcome stands.",
                ask_reason=True,
            ),
            Action(
                label="Cancel",
                url="/runs/r7/cancel/",
                look="danger",
                icon="stop",
                confirm="Cancel this run of order-processing?",
                consequence="OrderQueue and OrderService stop. The 48,210 confirmed messages stay in the queue.",
            ),
        ),
    )


def fresh_run() -> RunPage:
    return run().model_copy(
        update={
            "panel": None,
            "waits": (),
            "tried": (),
            "inputs": "",
            "version_url": "",
            "deadline": None,
            "log_note": "",
            "log_search": None,
            "gantt": (),
            "axis": (),
            "moved": (),
            "spans": (),
            "audit": (),
            "log": (),
            "started": None,
            "took_seconds": None,
            "trace_id": "",
            "trouble": AWAY,
            "actions": (),
            "refusal": "",
        }
    )


def paused_run() -> RunPage:
    wait = WaitRow(
        key="paused", what="The run is paused", why="Mira Kessler asked for it: the target is being repaired", tone="waiting", icon="pause"
    )
    return run().model_copy(
        update={
            "state": state("paused"),
            "sentence": "Paused by Mira Kessler: nothing more starts. the target is being repaired",
            "refusal": "",
            "waits": (wait,),
            "actions": (Action(label="Resume", url="/runs/r7/resume/", look="primary", icon="play"),),
        }
    )
