"""DAGs, their runs, tasks and logs."""

from datetime import timedelta

from gateway.application.views.dags import (
    DagPage,
    DagRow,
    DagRunPage,
    DagRunRow,
    DagsPage,
    LogLine,
    PauseSwitch,
    StateCount,
    TaskLogPage,
    TaskRow,
)
from gateway.application.views.parts import Action, Choice, Fact, FilterChip, Trouble
from sample_pages.clusters import COMMANDS
from sample_pages.frame import AWAY, NEVER, NOW, ago, history, seen, state

_ROWS = (
    ("orders_hourly", "marketing", "ml", "failed", "sfsfssssfsssffsssfsstsfsf", 36, 2580, 0.943),
    ("daily_ledger", "eu-batch", "finance", "success", "sssssssssssssssssssssfsss", 51, 420, 0.995),
    ("features_build", "us-prod", "data-platform", "running", "sssssssssssssfssfsssssssr", 48, 1980, 0.995),
    ("crm_sync", "us-ml", "finance", "success", "ssfsssssfssstssssssssssss", 29, 780, 0.985),
    ("clicks_sessionize", "finance", "growth", "success", "ssssssssssssssfssssssssss", 36, 2100, 0.978),
    ("invoice_export", "us-prod", "data-platform", "running", "tssssssssssssstsssssssssr", 17, 2580, 0.971),
    ("gdpr_purge", "eu-batch", "ml", "paused", "sssssssssssssssssssssssss", 6, 2220, 0.981),
    ("model_train", "risk", "ml", "success", "sssfsfsssssssssssssssssss", 40, 1920, 0.995),
    ("fx_rates", "us-ml", "growth", "success", "ssssssssssssssssssssfssss", 21, 1500, 0.987),
    ("inventory_delta", "ap-south-1", "data-platform", "success", "uuuuuuuuuuuuuuuuuuuuuuuuu", 16, 2760, None),
    ("partner_feed", "legacy-2.7", "finance", "success", "sssssssssssssssssssssssss", 46, 240, 0.997),
    ("kpi_email", "risk", "ml", "success", "ssssssssssssfsssssfssssss", 57, 2760, 0.98),
    ("sensor_ingest", "eu-batch", "finance", "running", "ssssssssssssssssssssssssr", 11, 1140, 0.993),
    (
        "price_index_for_all_regions_and_currencies_v2",
        "us-ml",
        "data-platform",
        "success",
        "sssssssssfsssssssssssssss",
        13,
        1020,
        0.985,
    ),
)


def _row(
    place: int,
    dag: str,
    cluster: str,
    owner: str,
    word: str,
    pattern: str,
    minutes: int,
    took: float,
    good: float | None,
) -> DagRow:
    stale = cluster == "ap-south-1"
    url = f"/dags/{cluster}/{dag}/"
    return DagRow(
        cluster_id=cluster,
        cluster=cluster,
        cluster_url=f"/clusters/{cluster}/",
        dag_id=dag,
        url=url,
        owner=owner,
        tags=("orders",) if place == 0 else (),
        switch=PauseSwitch(paused=None if stale else word == "paused", url=f"{url}pause/", asked=True if place == 4 else None),
        last=state(word),
        bars=history(pattern, urls=f"{url}runs/"),
        started=ago(minutes * 60),
        took_seconds=took,
        success_share=good,
        next_run=NOW + timedelta(minutes=12 + place) if place % 3 else None,
        next_text="on event",
        seen=seen(140 if stale else 6, stale=stale),
        trigger=Action(
            label=f"Trigger {dag}",
            url=f"{url}trigger/",
            icon="play",
            confirm=f"Trigger {dag} on {cluster}?",
            consequence="Starts one run now.",
        ),
        log_url=f"{url}runs/last/",
        late=place == 1,
    )


CHIPS = tuple(
    FilterChip(label=label, url=f"/dags/?state={label.lower()}", count=count, active=label == "All")
    for label, count in (("All", 3914), ("Failed", 7), ("Running", 212), ("Late", 3), ("Paused", 418), ("Unknown", 96))
)


def listed() -> DagsPage:
    return DagsPage(
        rows=tuple(_row(place, *row) for place, row in enumerate(_ROWS)),
        total=3914,
        chips=CHIPS,
        search="",
        cluster="",
        clusters=(Choice(value="eu-prod", label="eu-prod"), Choice(value="us-ml", label="us-ml")),
        tag="",
        tags=(Choice(value="orders", label="orders"),),
        coverage="14 of 14 clusters · oldest data 2 min (ap-south-1)",
        next_url="/dags/?after=x",
    )


def nothing() -> DagsPage:
    return listed().model_copy(update={"rows": (), "total": 0, "search": "zzz", "next_url": "", "trouble": AWAY})


def no_cluster() -> DagsPage:
    return listed().model_copy(update={"rows": (), "total": 0, "clusters": (), "next_url": "", "coverage": "No cluster"})


def no_dags() -> DagsPage:
    return listed().model_copy(update={"rows": (), "total": 0, "next_url": "", "coverage": "0 of 2 clusters"})


_COUNTS = (
    StateCount(state=state("success"), count=11),
    StateCount(state=state("failed"), count=1),
    StateCount(state=state("upstream_failed"), count=3),
    StateCount(state=state("up_for_retry"), count=1),
    StateCount(state=state("skipped"), count=2),
)


def detail() -> DagPage:
    return DagPage(
        cluster_id="eu-prod",
        cluster="eu-prod",
        cluster_url="/clusters/eu-prod/",
        dag_id="orders_hourly",
        description="Loads the orders of the last hour into the warehouse",
        switch=PauseSwitch(paused=False, url="/dags/eu-prod/orders_hourly/pause/"),
        last=state("failed"),
        seen=seen(6),
        bars=history("sfsfssssfsssffsssfsstsfsf", urls="/dags/eu-prod/orders_hourly/runs/"),
        facts=(
            Fact(label="Schedule", value="every hour"),
            Fact(label="Next run", value="in 19 min"),
            Fact(label="Owner", value="data-platform"),
            Fact(label="Tags", value="orders, warehouse"),
            Fact(label="Succeeded", value="92 % of the last 25 runs", tone="bad"),
        ),
        runs=tuple(
            DagRunRow(
                run_id=f"scheduled__2026-11-22T{12 - place:02d}:00:00+00:00",
                url=f"/dags/eu-prod/orders_hourly/runs/{place}/",
                state=state("failed" if place in (0, 1) else "success"),
                kind="scheduled",
                logical=ago(2460 + place * 3600),
                started=ago(2400 + place * 3600),
                ended=ago(1200 + place * 3600),
                took_seconds=1200 + place * 31,
                counts=_COUNTS if place != 3 else None,
            )
            for place in range(8)
        ),
        next_url="/dags/eu-prod/orders_hourly/?after=x",
        commands=COMMANDS[:2],
        actions=(Action(label="Open in Airflow", url="https://airflow.eu-prod.example.com", method="get", icon="external"),),
    )


def unseen() -> DagPage:
    return detail().model_copy(update={"seen": NEVER, "runs": (), "bars": (), "commands": (), "next_url": "", "trouble": AWAY})


def run() -> DagRunPage:
    names = (
        ("extract_orders", "success"),
        ("check_schema", "success"),
        ("load_orders", "failed"),
        ("fill_gaps", "skipped"),
        ("publish", "upstream_failed"),
        ("notify", "upstream_failed"),
    )
    return DagRunPage(
        cluster_id="eu-prod",
        cluster="eu-prod",
        cluster_url="/clusters/eu-prod/",
        dag_id="orders_hourly",
        dag_url="/dags/eu-prod/orders_hourly/",
        run_id="scheduled__2026-11-22T12:00:00+00:00",
        state=state("failed"),
        sentence="load_orders failed in 2 of 2 tries; 2 tasks behind it were not started.",
        seen=seen(6),
        counts=_COUNTS,
        facts=(
            Fact(label="Started", value="12:01:04"),
            Fact(label="Took", value="20 min 00 s"),
            Fact(label="Kind", value="scheduled"),
        ),
        tasks=tuple(
            TaskRow(
                task_id=name,
                label=name,
                operator="PythonOperator",
                state=state(word),
                tries=2 if word == "failed" else 1,
                started=ago(2400),
                took_seconds=None if word == "upstream_failed" else 41.5 + place * 60,
                log_url=f"/dags/eu-prod/orders_hourly/runs/r1/tasks/{name}/log/",
                offset=None if word == "upstream_failed" else place * 0.18,
                width=None if word == "upstream_failed" else 0.1 + place * 0.05,
            )
            for place, (name, word) in enumerate(names)
        ),
        actions=(Action(label="Open in Airflow", url="https://airflow.eu-prod.example.com", method="get", icon="external"),),
    )


def run_without_tasks() -> DagRunPage:
    return run().model_copy(update={"tasks": None, "seen": seen(140, stale=True), "trouble": AWAY, "counts": ()})


def log() -> TaskLogPage:
    texts = (
        "[2026-11-22T12:01:05.114+0000] {taskinstance.py:1150} INFO - Dependencies all met",
        "[2026-11-22T12:01:05.201+0000] {taskinstance.py:1400} INFO - \x1b[1mStarting attempt 2 of 2\x1b[0m",
        "[2026-11-22T12:01:06.002+0000] INFO - \x1b[32mconnected\x1b[0m <script>alert(1)</script>",
        "[2026-11-22T12:01:07.611+0000] {load.py:77} \x1b[33mWARNING\x1b[0m - table orders_v2 is not in the catalogue",
        "[2026-11-22T12:01:07.702+0000] {taskinstance.py:1824} \x1b[31mERROR\x1b[0m - Task failed with exception",
        "Traceback (most recent call last):",
        '  File "/opt/dags/load.py", line 80, in load',
        'psycopg.errors.UndefinedTable: relation "orders_v2" does not exist',
    )
    return TaskLogPage(
        cluster="eu-prod",
        cluster_url="/clusters/eu-prod/",
        dag_id="orders_hourly",
        dag_url="/dags/eu-prod/orders_hourly/",
        run_id="scheduled__2026-11-22T12:00:00+00:00",
        run_url="/dags/eu-prod/orders_hourly/runs/r1/",
        task_id="load_orders",
        state=state("failed"),
        tries=(FilterChip(label="Try 1", url="?try=1"), FilterChip(label="Try 2", url="?try=2", active=True)),
        lines=tuple(LogLine(text=text) for text in texts * 40),
        note="The log is longer than 10 MB. Its beginning is shown, 320 lines; the rest is in Airflow.",
        live="dag_run:eu-prod/orders_hourly/r1",
        seen=seen(1),
        download_url="?download=1",
    )


def no_log() -> TaskLogPage:
    return log().model_copy(
        update={
            "lines": (),
            "tries": (),
            "note": "",
            "trouble": Trouble(
                title="Airflow did not give the log.",
                text="eu-prod answered after 30 s with a time-out.",
                hint="The worker that holds the log may be gone.",
                retry=Action(label="Try again", url="/dags/", method="get"),
            ),
        }
    )
