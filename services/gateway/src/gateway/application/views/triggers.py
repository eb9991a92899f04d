"""The triggers of a workflow, as its page shows them."""

from datetime import datetime

from gateway.application.views.parts import Action, HistoryBar, Seen, StateView, View


class TriggerView(View):
    """One trigger: what it listens to, how it stands, when it fires next, its last firings, and why it does not fire."""

    name: str
    kind: str
    listens_to: str
    about: str = ""
    state: StateView
    told: Seen
    next_at: datetime | None = None
    last_at: datetime | None = None
    last_word: str = ""
    why_not: str = ""
    bars: tuple[HistoryBar, ...] = ()
    fired: str = ""
    """What the bars add up to, in words."""
    actions: tuple[Action, ...] = ()
