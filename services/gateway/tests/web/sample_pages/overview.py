"""The overview: busy, quiet, not all seen, new."""

from datetime import timedelta

from gateway.application.views.overview import (
    Checked,
    ClusterTile,
    Finished,
    FinishedSlot,
    HealthPart,
    IncidentCard,
    Late,
    Moving,
    OverviewPage,
)
from gateway.application.views.parts import Action, FilterChip, Seen, Tone
from sample_pages.frame import AWAY, NOW, ago, seen, tone, wave

_PARTS = ("Scheduler", "DAG processor", "Triggerer", "Metadatabase")
_WORDS: dict[Tone, str] = {"ok": "Healthy", "bad": "Unhealthy", "retry": "Degraded", "unknown": "Unknown"}


def health(tones: tuple[Tone, ...], age: float) -> tuple[HealthPart, ...]:
    return tuple(
        HealthPart(
            name=name,
            tone=part,
            word=_WORDS[part],
            seen=seen(age, stale=part == "unknown"),
            source="/api/v2/monitor/health",
            confidence="none" if part == "unknown" else "high",
            evidence={
                "ok": "heartbeat 4 s ago",
                "bad": "last heartbeat 3 min ago; it beats every 5 s",
                "retry": "parses a file in 41 s, usually 6 s",
                "unknown": "the cluster does not answer",
            }[part],
        )
        for name, part in zip(_PARTS, tones, strict=True)
    )


def tile(name: str, age: float, dags: int | None, tones: str = "oooo") -> ClusterTile:
    of: dict[str, Tone] = {"o": "ok", "b": "bad", "r": "retry", "u": "unknown"}
    parts = tuple(of[letter] for letter in tones)
    worst: Tone = next((each for each in ("bad", "unknown", "retry") if each in parts), "ok")
    return ClusterTile(
        id=name,
        name=name,
        url=f"/clusters/{name}/",
        tone=worst,
        word=_WORDS[worst],
        seen=seen(age, stale=worst == "unknown"),
        health=health(parts, age),
        dags=dags,
        activity=wave(len(name) + (dags or 3) % 5, gap=worst == "unknown"),
        note={
            "bad": "The scheduler has not beaten for 3 min",
            "unknown": "Connection refused",
            "retry": "Parsing is slow",
            "ok": "",
        }[worst],
    )


TILES = (
    tile("eu-prod", 6, 117, "booo"),
    tile("us-ml", 6, 214, "ooro"),
    tile("ap-south-1", 140, 126, "uuuu"),
    tile("eu-batch", 1, 153),
    tile("us-prod", 8, 225),
    tile("finance", 4, 117),
    tile("marketing", 9, 240),
    tile("legacy-2.7", 6, 348),
    tile("risk", 9, 192),
    tile("staging", 9, 292),
    tile("dev-1", 1, 285),
    tile("dev-2", 3, 54),
    tile("iot", 4, 54),
    tile("partners", 8, 437),
)


def _post(label: str, url: str, **more: str) -> Action:
    return Action(label=label, url=url, **more)  # type: ignore[arg-type]


INCIDENTS = (
    IncidentCard(
        id="i1",
        url="/alerts/i1/",
        tone="bad",
        what="orders_hourly failed twice in a row",
        where="eu-prod · task load_orders",
        evidence="psycopg: relation “orders_v2” does not exist · same error in both tries · 3 DAGs wait for it",
        since=ago(14 * 60),
        actions=(
            Action(
                label="Open log",
                url="/dags/eu-prod/orders_hourly/runs/r1/tasks/load_orders/log/",
                method="get",
                look="primary",
            ),
            Action(label="Open run", url="/dags/eu-prod/orders_hourly/runs/r1/", method="get"),
            _post("Acknowledge", "/alerts/i1/acknowledge/"),
        ),
    ),
    IncidentCard(
        id="i2",
        url="/alerts/i2/",
        tone="retry",
        what="order-processing waits for its queue",
        where="workflow order-processing v7 · component OrderQueue",
        evidence="Attempt 4 of 5 at 12:41:08 · queue “orders” not found · 48,210 of 120,000 moved, nothing lost",
        since=ago(6 * 60),
        actions=(
            Action(
                label="Retry now",
                url="/runs/r7/retry/",
                look="primary",
                fields={"component": "OrderQueue", "scope": "component"},
            ),
            Action(label="Open run", url="/runs/r7/", method="get"),
            _post("Acknowledge", "/alerts/i2/acknowledge/"),
        ),
    ),
    IncidentCard(
        id="i3",
        url="/alerts/i3/",
        tone="unknown",
        what="ap-south-1 has not answered",
        where="cluster · Airflow 2.11.2",
        evidence="Connection refused · last known state is 2 min old and shown hatched, not green",
        since=ago(130),
        actions=(
            _post("Test connection", "/clusters/ap-south-1/test/", look="primary"),
            _post("Acknowledge", "/alerts/i3/acknowledge/"),
        ),
    ),
    IncidentCard(
        id="i4",
        url="/alerts/i4/",
        tone="retry",
        what="features_build is later than usual",
        where="us-ml",
        evidence="Usually done by 12:20, 19 of the last 20 times",
        since=ago(18 * 60),
        acknowledged_by="Tomás Rey",
        actions=(Action(label="Open DAG", url="/dags/us-ml/features_build/", method="get"),),
    ),
)


def _finished() -> Finished:
    start = NOW - timedelta(hours=6)
    slots = tuple(
        FinishedSlot(
            start=start + timedelta(minutes=5 * place),
            success=18 + (place * 13) % 17 + (place % 4) * 2,
            failed=(6 if 60 < place < 66 else 0) + (2 if place % 9 == 3 else 0),
            running=7 if place == 71 else 0,
            known=place not in (40, 41),
        )
        for place in range(72)
    )
    windows = tuple(
        FilterChip(label=label, url=f"/?window={label.replace(' ', '')}", active=label == "6 h") for label in ("1 h", "6 h", "24 h")
    )
    return Finished(every_minutes=5, slots=slots, windows=windows)


MOVING = (
    Moving(
        id="r7",
        name="order-processing",
        url="/runs/r7/",
        state=tone("retry", "Retrying"),
        source_kind="kafka",
        source="orders",
        target_kind="mq",
        target="orders (RabbitMQ)",
        figure="waiting 00:12",
        fraction=0.4,
    ),
    Moving(
        id="r8",
        name="invoices to billing",
        url="/runs/r8/",
        state=tone("run", "Running"),
        source_kind="kafka",
        source="invoices",
        target_kind="mq",
        target="billing (RabbitMQ)",
        figure="41,200 /s",
        fraction=0.72,
    ),
    Moving(
        id="r9",
        name="clicks re-key",
        url="/runs/r9/",
        state=tone("run", "Running"),
        source_kind="kafka",
        source="clicks",
        target_kind="kafka",
        target="clicks-by-user",
        figure="188,000 /s",
        fraction=None,
    ),
)
LATE = tuple(
    Late(dag=dag, cluster=cluster, url=f"/dags/{cluster}/{dag}/", by_seconds=minutes * 60, recent=wave(minutes % 6 + 2))
    for dag, cluster, minutes in (
        ("daily_ledger", "finance", 41),
        ("features_build", "us-ml", 18),
        ("crm_sync", "marketing", 9),
    )
)
CHECKED = Checked(clusters=14, dags=3914, workflows=6, rules=9, seen=seen(4))


def busy() -> OverviewPage:
    return OverviewPage(
        incidents=INCIDENTS,
        open_count=3,
        acknowledged_count=1,
        clusters_total=14,
        clusters_well=11,
        dags_total=3914,
        seen=seen(4),
        tiles=TILES,
        finished=_finished(),
        moving=MOVING,
        late=LATE,
        checked=CHECKED,
    )


def quiet() -> OverviewPage:
    return busy().model_copy(
        update={
            "incidents": (),
            "open_count": 0,
            "acknowledged_count": 0,
            "clusters_well": 11,
            "tiles": TILES[3:],
            "clusters_total": 11,
            "moving": (),
            "late": (),
        }
    )


def blind() -> OverviewPage:
    return quiet().model_copy(update={"tiles": TILES[2:], "clusters_total": 12, "trouble": AWAY, "finished": None})


def new() -> OverviewPage:
    return OverviewPage(
        incidents=(),
        open_count=0,
        acknowledged_count=0,
        clusters_total=0,
        clusters_well=0,
        dags_total=None,
        seen=Seen(),
        tiles=(),
        finished=None,
        moving=(),
        late=(),
        checked=Checked(clusters=0, dags=0, workflows=0, rules=0, seen=Seen()),
        stage="new",
    )
