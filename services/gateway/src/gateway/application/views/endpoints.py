"""Pages of endpoints: named systems with sealed credentials that components refer to."""

from gateway.application.views.clusters import ConnectionTest
from gateway.application.views.parts import Action, Choice, Fact, FieldProblem, FilterChip, Seen, StateView, View


class EndpointRow(View):
    """An endpoint in the list; its state is that of the last check or use."""

    id: str
    name: str
    url: str
    kind: str
    address: str
    state: StateView
    seen: Seen
    used_by: int


class EndpointsPage(View):
    """All endpoints."""

    rows: tuple[EndpointRow, ...]
    chips: tuple[FilterChip, ...] = ()


class UsedBy(View):
    """A workflow that refers to an endpoint."""

    name: str
    url: str
    components: tuple[str, ...]


class EndpointPage(View):
    """One endpoint: where it leads, whether it answers, and who uses it."""

    id: str
    name: str
    kind: str
    address: str
    state: StateView
    sentence: str
    seen: Seen
    holds: tuple[str, ...] = ()
    """What waits at its limits now, in words."""
    facts: tuple[Fact, ...]
    used_by: tuple[UsedBy, ...]
    actions: tuple[Action, ...] = ()
    test: ConnectionTest | None = None


class ConfigField(View):
    """One field of a connector's configuration, made from its JSON Schema.

    ``secret`` fields are write-only: ``kept`` says that a value is stored, and an empty input keeps it.
    """

    name: str
    label: str
    input: str = "text"
    """``text``, ``number``, ``checkbox``, ``select``, ``textarea`` or ``password``."""
    value: str = ""
    help: str = ""
    placeholder: str = ""
    required: bool = False
    secret: bool = False
    kept: bool = False
    options: tuple[Choice, ...] = ()


class EndpointFormPage(View):
    """Add or edit an endpoint. The kind is chosen first and decides the fields."""

    id: str = ""
    name: str = ""
    kind: str = ""
    kinds: tuple[Choice, ...] = ()
    fields: tuple[ConfigField, ...] = ()
    limits: tuple[ConfigField, ...] = ()
    etag: str = ""
    problems: tuple[FieldProblem, ...] = ()
    test: ConnectionTest | None = None

    @property
    def is_new(self) -> bool:
        """Whether this adds an endpoint."""
        return not self.id
