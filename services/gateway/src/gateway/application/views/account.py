"""Pages for people: signing in, the first set-up, the own account; and the pages of errors and search."""

from datetime import datetime

from gateway.application.views.parts import Action, FieldProblem, StateView, View


class SignInPage(View):
    """``name`` keeps what was typed; the message never says which of name and password was wrong."""

    name: str = ""
    next_url: str = "/"
    problem: str = ""
    wait_seconds: int | None = None
    """Said when sign-in is throttled."""
    kept: str = ""
    """A form that came too late, as JSON; it is sent again afterwards."""


class AgainPage(View):
    """Signed in, and what was typed before is still there. ``cut``: without its secrets; ``csrf``: the new session's form token."""

    url: str
    fields: tuple[tuple[str, str], ...]
    cut: bool
    csrf: str


class SetupPage(View):
    """The first user, by the one-time link. ``token_problem`` says why the link does not work (used, unknown, old)."""

    token: str = ""
    name: str = ""
    email: str = ""
    problems: tuple[FieldProblem, ...] = ()
    token_problem: str = ""


class ResetPage(View):
    """A new password for a person, by a one-time link. ``token_problem`` says why the link does not work."""

    token: str = ""
    name: str = ""
    problems: tuple[FieldProblem, ...] = ()
    token_problem: str = ""


class SessionRow(View):
    """One sign-in of this person."""

    id: str
    device: str
    address: str
    started: datetime
    last_used: datetime
    current: bool = False
    end: Action | None = None


class TokenRow(View):
    """An API token; the secret itself was shown once."""

    id: str
    name: str
    prefix: str
    made: datetime
    last_used: datetime | None
    expires: datetime | None
    revoke: Action | None = None


class AccountPage(View):
    """The own account."""

    name: str
    email: str
    role: str
    sessions: tuple[SessionRow, ...]
    tokens: tuple[TokenRow, ...]
    fresh_token: str = ""
    """A token that was just made, shown this once."""
    problems: tuple[FieldProblem, ...] = ()
    password_problems: tuple[FieldProblem, ...] = ()


class ErrorPage(View):
    """A page that cannot be shown: what happened, what still works, the way out."""

    status: int
    title: str
    text: str
    hint: str = ""
    request_id: str = ""
    actions: tuple[Action, ...] = ()


class Hit(View):
    """One result of a search."""

    kind: str
    name: str
    where: str
    url: str
    state: StateView | None = None


class SearchPage(View):
    """Clusters, DAGs, workflows, runs and endpoints whose name or id holds the words."""

    words: str
    hits: tuple[Hit, ...]
    more: bool = False
