"""The first screen: is anything wrong, where, since when, why, and what do I press."""

from datetime import datetime
from typing import Literal

from gateway.application.views.parts import Action, Confidence, FilterChip, Seen, StateView, Tone, Trouble, View

_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


class IncidentCard(View):
    """One thing that needs someone: what, where, the evidence, since when, and what to press."""

    id: str
    url: str
    tone: Tone
    what: str
    where: str
    evidence: str
    since: datetime
    acknowledged_by: str = ""
    actions: tuple[Action, ...] = ()


class HealthPart(View):
    """One component of a cluster (scheduler, DAG processor, triggerer, metadatabase) as it was last seen."""

    name: str
    tone: Tone
    word: str
    seen: Seen
    source: str = ""
    confidence: Confidence = "high"
    evidence: str = ""


class ClusterTile(View):
    """A cluster in one glance. ``activity`` are finished runs per slot; ``None`` in it is a gap in the data."""

    id: str
    name: str
    url: str
    tone: Tone
    word: str
    seen: Seen
    health: tuple[HealthPart, ...]
    dags: int | None
    activity: tuple[float | None, ...] = ()
    note: str = ""


class FinishedSlot(View):
    """DAG runs that ended in one slot of the chart. ``known=False``: nothing was observed in it."""

    start: datetime
    success: int = 0
    failed: int = 0
    running: int = 0
    known: bool = True


class Finished(View):
    """The chart of finished DAG runs."""

    every_minutes: int
    slots: tuple[FinishedSlot, ...]
    windows: tuple[FilterChip, ...] = ()

    @property
    def success_share(self) -> float | None:
        """Share of successes among the ended ones, 0..1; ``None`` when none ended."""
        good = sum(slot.success for slot in self.slots)
        bad = sum(slot.failed for slot in self.slots)
        return good / (good + bad) if good + bad else None

    @property
    def highest(self) -> int:
        """The highest column, at least 1, to scale the chart by."""
        return max((slot.success + slot.failed + slot.running for slot in self.slots), default=1) or 1


class Moving(View):
    """A run under way. ``fraction=None``: how much there is in all is not known."""

    id: str
    name: str
    url: str
    state: StateView
    source_kind: str
    source: str
    target_kind: str
    target: str
    figure: str
    fraction: float | None = None


class Late(View):
    """A DAG that usually has ended by now."""

    dag: str
    cluster: str
    url: str
    by_seconds: int
    recent: tuple[float | None, ...] = ()


class Checked(View):
    """What stands behind "all quiet": how much was looked at, and when last."""

    clusters: int
    dags: int
    workflows: int
    rules: int
    seen: Seen


class OverviewPage(View):
    """Everything on the overview, worst first."""

    incidents: tuple[IncidentCard, ...]
    open_count: int
    acknowledged_count: int
    clusters_total: int
    clusters_well: int
    dags_total: int | None
    seen: Seen
    tiles: tuple[ClusterTile, ...]
    finished: Finished | None
    moving: tuple[Moving, ...]
    checked: Checked
    late: tuple[Late, ...] | None = None
    """DAGs that are later than usual; None: that is not worked out, and nothing is said about it."""
    trouble: Trouble | None = None
    stage: Literal["new", "in use"] = "in use"
    """``new``: nothing is connected yet, so the page leads to the first cluster and the first workflow."""

    @property
    def unknown_clusters(self) -> tuple[ClusterTile, ...]:
        """Clusters whose state is not known now."""
        return tuple(tile for tile in self.tiles if tile.tone == "unknown")

    @property
    def title(self) -> str:
        """The state of everything, as a sentence."""
        count = self.open_count
        if count == 1:
            return "One thing needs you"
        if count:
            return f"{_WORDS[count] if count < len(_WORDS) else count} things need you"
        if self.stage == "new":
            return "Welcome to Flowtower"
        unknown = len(self.unknown_clusters)
        if unknown:
            return f"Quiet, but {unknown} cluster{'s' if unknown > 1 else ''} cannot be seen"
        return "All quiet"
