"""Clusters: list, detail, forms."""

from gateway.application.views.clusters import (
    Budget,
    ClusterFormPage,
    ClusterPage,
    ClusterRow,
    ClustersPage,
    ConnectionTest,
    ImportErrorRow,
)
from gateway.application.views.parts import Action, CommandView, DeletePage, Fact, FieldProblem, FilterChip
from sample_pages.frame import AWAY, NEVER, ago, seen, state
from sample_pages.overview import TILES, health

CHIPS = (
    FilterChip(label="All", url="/clusters/", count=14, active=True),
    FilterChip(label="Unhealthy", url="/clusters/?state=unhealthy", count=1),
    FilterChip(label="Degraded", url="/clusters/?state=degraded", count=1),
    FilterChip(label="Unknown", url="/clusters/?state=unknown", count=1),
)
COMMANDS = (
    CommandView(id="c1", what="Pause", target="orders_hourly", state=state("sent"), asked_by="Mira Kessler", asked_at=ago(3)),
    CommandView(
        id="c2",
        what="Trigger a run",
        target="daily_ledger",
        state=state("confirmed"),
        asked_by="Mira Kessler",
        asked_at=ago(540),
        settled_at=ago(537),
    ),
    CommandView(
        id="c3",
        what="Pause",
        target="gdpr_purge",
        state=state("refused"),
        asked_by="Tomás Rey",
        asked_at=ago(4000),
        settled_at=ago(3999),
        reason="Airflow answered 403: the user “flowtower” may not edit DAGs. Give it the role User.",
    ),
)


def listed() -> ClustersPage:
    return ClustersPage(
        rows=tuple(
            ClusterRow(
                tile=tile,
                airflow="2.11.2" if place % 3 else "3.3.0",
                address=f"https://airflow.{tile.name}.example.com",
                failed_runs=None if tile.tone == "unknown" else place * 3 % 4,
                import_errors=None if tile.tone == "unknown" else int(place == 0),
            )
            for place, tile in enumerate(TILES)
        ),
        chips=CHIPS,
        seen=seen(140, stale=True),
    )


def detail() -> ClusterPage:
    return ClusterPage(
        id="eu-prod",
        name="eu-prod",
        address="https://airflow.eu-prod.example.com",
        airflow="Airflow 3.3.0",
        tags=("prod", "eu"),
        state=state("unhealthy"),
        sentence="The scheduler has not beaten for 3 min: nothing new is started.",
        seen=seen(6, source="/api/v2/monitor/health"),
        health=health(("bad", "ok", "ok", "ok"), 6),
        budget=Budget(used_per_minute=38, last_poll_requests=4, last_poll_seconds=0.21),
        facts=(
            Fact(label="Address", value="https://airflow.eu-prod.example.com", url="https://airflow.eu-prod.example.com"),
            Fact(label="API", value="/api/v2, token refreshed"),
            Fact(label="Polled", value="every 5 s"),
            Fact(label="User", value="flowtower", mono=True),
            Fact(label="Certificate", value="verified"),
        ),
        dag_chips=(
            FilterChip(label="All", url="/dags/?cluster=eu-prod", count=117),
            FilterChip(label="Failed", url="/dags/?cluster=eu-prod&state=failed", count=2),
            FilterChip(label="Running", url="/dags/?cluster=eu-prod&state=running", count=9),
            FilterChip(label="Paused", url="/dags/?cluster=eu-prod&state=paused", count=21),
        ),
        commands=COMMANDS,
        import_errors=(
            ImportErrorRow(file="dags/legacy_export.py", message="ModuleNotFoundError: No module named 'exporter'", since=ago(7200)),
        ),
        actions=(
            Action(label="Test connection", url="/clusters/eu-prod/test/", icon="test"),
            Action(label="Edit", url="/clusters/eu-prod/edit/", method="get", icon="edit"),
            Action(label="Delete", url="/clusters/eu-prod/delete/", method="get", look="danger", icon="delete"),
        ),
    )


def away() -> ClusterPage:
    return detail().model_copy(
        update={
            "state": state("unknown"),
            "sentence": "It has not answered for 2 min: connection refused.",
            "seen": seen(140, stale=True),
            "health": health(("unknown",) * 4, 140),
            "budget": None,
            "commands": (),
            "import_errors": None,
            "trouble": AWAY,
        }
    )


def fresh() -> ClusterPage:
    return detail().model_copy(
        update={
            "state": state("unknown"),
            "sentence": "Not read yet.",
            "seen": NEVER,
            "health": (),
            "budget": None,
            "commands": (),
            "import_errors": (),
            "tags": (),
        }
    )


def add() -> ClusterFormPage:
    return ClusterFormPage()


def wrong() -> ClusterFormPage:
    return ClusterFormPage(
        id="eu-prod",
        name="eu-prod",
        base_url="airflow.eu-prod.example.com",
        username="flowtower",
        secret_kept=True,
        problems=(
            FieldProblem(field="base_url", message="The address has no scheme.", hint="Write https:// in front of it."),
            FieldProblem(field="", message="One field needs another look."),
        ),
        test=ConnectionTest(
            tone="bad",
            title="The password was refused.",
            text="Airflow answered 401 to the user “flowtower”.",
            hint="Check user and password; the address and the version are right.",
            reason="password",
            took_ms=84,
            at=ago(2),
        ),
    )


def tested() -> ClusterFormPage:
    return ClusterFormPage(
        name="eu-prod",
        base_url="https://airflow.eu-prod.example.com",
        username="flowtower",
        test=ConnectionTest(
            tone="ok",
            title="It answers.",
            text="Airflow 3.3.0, 117 DAGs can be read.",
            facts=(Fact(label="API", value="/api/v2"), Fact(label="May trigger", value="yes")),
            took_ms=92,
            at=ago(1),
        ),
    )


def delete() -> DeletePage:
    return DeletePage(
        kind="cluster",
        name="eu-prod",
        delete_url="/clusters/eu-prod/delete/",
        back_url="/clusters/eu-prod/",
        goes=("What Flowtower has observed of its 117 DAGs", "2 rules that watch only it"),
        stays=(
            "The Airflow itself, with all its DAGs and runs",
            "Workflows that name it; they fail until it is registered again",
        ),
    )
