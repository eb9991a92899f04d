"""The state of runs and of their components, as people read it."""

from gateway.application.answers.runs import ComponentAnswer, Hold, RunAnswer
from gateway.application.queries.words import count, plural
from gateway.application.views.parts import StateView, state_view
from shared.runtime.clock import now

MOVING = frozenset({"asked", "queued", "running", "waiting", "paused", "parked"})
"""A run that has not ended."""


def run_state(run: RunAnswer) -> StateView:
    """Return a run's state; a cancel that was asked shows until it is done."""
    if run.cancel_asked_at is not None and run.status in MOVING:
        return state_view("cancelling")
    if run.status == "waiting":
        return StateView(tone="retry", word="Waiting to retry")
    if run.status == "parked":
        return StateView(tone="bad", word="Parked: needs a person", icon="parked")
    return state_view(run.status)


def held_now(item: ComponentAnswer) -> Hold | None:
    """Return what holds the attempt of a component now; a hold whose time is over holds nothing."""
    if item.held is None or item.status != "running" or (item.held.until is not None and item.held.until <= now()):
        return None
    return item.held


def component_state(item: ComponentAnswer) -> StateView:
    """Return a component's state; one whose attempt waits for a limit of its endpoint is held, not running."""
    return StateView(tone="waiting", word="Held") if held_now(item) else state_view(item.status)


def moved_of(item: ComponentAnswer | None) -> str:
    """Return how much a component moved, in words."""
    if item is None or item.transfer is None:
        return ""
    transfer = item.transfer
    text = (
        f"{count(transfer.confirmed)} of {plural(transfer.total, 'message')}" if transfer.total else plural(transfer.confirmed, "message")
    )
    return f"{text} moved"


def queued_for(run: RunAnswer) -> str:
    """Say what a queued run waits for."""
    match run.queued_for:
        case "workflow":
            return "as many runs as the workflow allows are under way"
        case "executor":
            return "the executor has as many runs as it has room for"
        case "endpoint":
            return "many runs of the workflow wait for an endpoint already, and this one would only wait there too"
    return "the executor did not say for what"


def what_happens(run: RunAnswer) -> str:
    """Say what matters about a run, in words."""
    match run.status:
        case "asked":
            return "Asked; the executor has not answered yet"
        case "refused":
            return run.message or "It was refused"
        case "queued":
            return f"It waits for its turn: {queued_for(run)}"
        case "paused":
            by = f" by {run.paused_by}" if run.paused_by else ""
            return f"Paused{by}: nothing more starts" + (f". {run.pause_reason}" if run.pause_reason else "")
        case "succeeded":
            most = max(run.components, key=_moved, default=None)
            return moved_of(most) or run.message or "It succeeded"
    return _what_of_components(run) or run.message or state_view(run.status).word


def _moved(item: ComponentAnswer) -> int:
    return item.transfer.confirmed if item.transfer else -1


def _what_of_components(run: RunAnswer) -> str:
    by_status: dict[str, list[ComponentAnswer]] = {}
    for item in run.components:
        by_status.setdefault(item.status, []).append(item)
    if by_status.get("retrying") and run.status in ("running", "waiting"):
        item = by_status["retrying"][0]
        return f"{item.component} waits to try again" + (f": {item.failure.message}" if item.failure else "")
    for status, verb in (("parked", "is parked"), ("failed", "failed")):
        if run.status == status and by_status.get(status):
            item = by_status[status][0]
            return f"{item.component} {verb}" + (f": {item.failure.message}" if item.failure else "")
    if not by_status.get("running"):
        return ""
    item = max(by_status["running"], key=_moved)
    hold = held_now(item)
    if hold is not None:
        return f"{item.component} is held: {hold.reason}"
    return " · ".join(part for part in (f"{item.component} is running", moved_of(item)) if part)
