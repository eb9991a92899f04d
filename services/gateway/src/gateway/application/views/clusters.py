"""Pages of the Airflow clusters."""

from datetime import datetime

from gateway.application.views.overview import ClusterTile, HealthPart
from gateway.application.views.parts import (
    Action,
    Choice,
    CommandView,
    Fact,
    FieldProblem,
    FilterChip,
    Seen,
    StateView,
    Tone,
    Trouble,
    View,
)


class ClusterRow(View):
    """A cluster in the list: the tile's facts and what kind of Airflow it is."""

    tile: ClusterTile
    airflow: str
    address: str
    tags: tuple[str, ...] = ()
    failed_runs: int | None = None
    import_errors: int | None = None


class ClustersPage(View):
    """All clusters, those that are not well first."""

    rows: tuple[ClusterRow, ...]
    chips: tuple[FilterChip, ...] = ()
    search: str = ""
    seen: Seen = Seen()


class ConnectionTest(View):
    """What a test of a connection found; ``reason`` tells wrong address, password, version, TLS, time-out apart."""

    tone: Tone
    title: str
    text: str
    hint: str = ""
    reason: str = ""
    facts: tuple[Fact, ...] = ()
    took_ms: int | None = None
    at: datetime | None = None


class Budget(View):
    """What polling this cluster costs it, from the last poll."""

    used_per_minute: float | None
    last_poll_requests: int | None = None
    last_poll_seconds: float | None = None


class ImportErrorRow(View):
    """A file that Airflow could not load."""

    file: str
    message: str
    since: datetime | None = None


class ClusterPage(View):
    """One cluster: health per component, budget, commands, and where to go from here."""

    id: str
    name: str
    address: str
    airflow: str
    tags: tuple[str, ...]
    state: StateView
    sentence: str
    seen: Seen
    health: tuple[HealthPart, ...]
    budget: Budget | None
    facts: tuple[Fact, ...]
    dag_chips: tuple[FilterChip, ...]
    commands: tuple[CommandView, ...]
    import_errors: tuple[ImportErrorRow, ...] | None
    actions: tuple[Action, ...] = ()
    trouble: Trouble | None = None


class ClusterFormPage(View):
    """Add or edit. The secret is write-only: it is never sent back, ``secret_kept`` says that one is stored."""

    id: str = ""
    name: str = ""
    base_url: str = ""
    environment: str = ""
    sign_in: str = "password"
    ways: tuple[Choice, ...] = (Choice(value="password", label="User and password"), Choice(value="token", label="Token"))
    username: str = ""
    secret_kept: bool = False
    verify_tls: bool = True
    ca_pem: str = ""
    tags: str = ""
    poll_seconds: str = "5"
    etag: str = ""
    problems: tuple[FieldProblem, ...] = ()
    test: ConnectionTest | None = None

    @property
    def is_new(self) -> bool:
        """Whether this adds a cluster."""
        return not self.id
