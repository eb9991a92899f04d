"""The small parts that every page is made of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Tone = Literal["ok", "run", "retry", "bad", "upstream", "skipped", "waiting", "unknown"]
"""What a colour means. Each tone has a colour, an icon and always a word beside it."""

Confidence = Literal["high", "low", "none"]


class View(BaseModel):
    """Base of all view models: frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StateView(View):
    """A state as people read it. ``icon``: a picture of its own, where the tone's would say too little."""

    tone: Tone
    word: str
    icon: str = ""


_STATES: dict[str, tuple[Tone, str]] = {
    # Airflow's words for DAG runs and task instances.
    "success": ("ok", "Success"),
    "running": ("run", "Running"),
    "queued": ("waiting", "Queued"),
    "scheduled": ("waiting", "Scheduled"),
    "deferred": ("waiting", "Deferred"),
    "restarting": ("retry", "Restarting"),
    "up_for_retry": ("retry", "Up for retry"),
    "up_for_reschedule": ("waiting", "Up for reschedule"),
    "failed": ("bad", "Failed"),
    "upstream_failed": ("upstream", "Upstream failed"),
    "skipped": ("skipped", "Skipped"),
    "removed": ("waiting", "Removed"),
    "none": ("waiting", "Not started"),
    "paused": ("waiting", "Paused"),
    # Flowtower's words for runs and components.
    "succeeded": ("ok", "Succeeded"),
    "retrying": ("retry", "Retrying"),
    "waiting": ("waiting", "Waiting"),
    "pending": ("waiting", "Pending"),
    "parked": ("bad", "Parked"),
    "cancelled": ("skipped", "Cancelled"),
    "cancelling": ("skipped", "Cancelling"),
    # Health, alerts, commands, services.
    "healthy": ("ok", "Healthy"),
    "degraded": ("retry", "Degraded"),
    "unhealthy": ("bad", "Unhealthy"),
    "firing": ("bad", "Firing"),
    "acknowledged": ("retry", "Acknowledged"),
    "resolved": ("ok", "Resolved"),
    "no_data": ("unknown", "No data"),
    "ok": ("ok", "OK"),
    "asked": ("waiting", "Asked"),
    "sent": ("run", "Sent"),
    "confirmed": ("ok", "Confirmed"),
    "refused": ("bad", "Refused"),
}

_ICONS = {"paused": "pause", "parked": "parked"}


def state_view(state: str | None) -> StateView:
    """The tone and word of a state; a state that Flowtower does not know is unknown and keeps its own word."""
    if state is None or state == "unknown":
        return StateView(tone="unknown", word="Unknown")
    known = _STATES.get(state.lower())
    if known is None:
        return StateView(tone="unknown", word=state.replace("_", " ").capitalize())
    return StateView(tone=known[0], word=known[1], icon=_ICONS.get(state.lower(), ""))


class Seen(View):
    """When a value was observed; the template shows its age and lets it tick. ``at=None`` = never observed."""

    at: datetime | None = None
    stale: bool = False
    stale_at: datetime | None = None
    """When it is stale without news: the page asks again then. None = it is, or its age says nothing."""
    source: str = ""
    confidence: Confidence = "high"


class Action(View):
    """Something a person can press.

    ``consequence`` says beside the button what it will do; ``confirm`` is the question that a dangerous one asks
    once, naming the thing; ``refused`` disables it and says why. ``method="get"`` makes it a link; where that link's
    page stands in a dialog of this page too, ``opens`` names the dialog.
    """

    label: str
    url: str
    method: Literal["get", "post"] = "post"
    look: Literal["primary", "plain", "danger"] = "plain"
    icon: str = ""
    fields: Mapping[str, str] = {}
    consequence: str = ""
    confirm: str = ""
    ask_reason: bool = False
    """Whether the question also asks why; the answer goes along as ``reason``."""
    refused: str = ""
    opens: str = ""


class Fact(View):
    """One line of a list of key facts."""

    label: str
    value: str
    url: str = ""
    mono: bool = False
    tone: Tone | None = None


class Trouble(View):
    """A part of a page that could not be read: what failed, what still works, and the way out."""

    title: str
    text: str
    hint: str = ""
    retry: Action | None = None


class FilterChip(View):
    """``count=None`` is not counted, which differs from none; ``more``: counting stopped there."""

    label: str
    url: str
    count: int | None = None
    more: bool = False
    active: bool = False


class Choice(View):
    """One option of a select."""

    value: str
    label: str


class FieldProblem(View):
    """What is wrong with one field of a form; ``field=""`` is about the form as a whole."""

    field: str
    message: str
    hint: str = ""
    take: str = ""
    """Somebody changed it meanwhile: the ETag that it has now, with which this form may be sent all the same."""


class HistoryBar(View):
    """One earlier run: height is its duration, colour its state. ``share`` is 0..1 of the longest shown."""

    state: StateView
    share: float
    title: str
    url: str = ""


class CommandView(View):
    """A durable command on its way: asked → sent → confirmed by reading back, or refused with the reason."""

    id: str
    what: str
    target: str
    state: StateView
    asked_by: str
    asked_at: datetime
    settled_at: datetime | None = None
    reason: str = ""


class DeletePage(View):
    """The one question before something goes: what goes with it and what stays."""

    kind: str
    name: str
    delete_url: str
    back_url: str
    goes: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    refused: str = ""
