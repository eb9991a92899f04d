"""The list of runs."""

from collections.abc import Mapping

from gateway.application.answers.runs import ComponentAnswer, RunAnswer
from gateway.application.ports.read_model import RunFilter
from gateway.application.queries.base import Queries
from gateway.application.queries.words import between, chips, count, path, plural, took, with_query
from gateway.application.views.parts import StateView, state_view
from gateway.application.views.runs import RunRow, RunsPage
from gateway.application.views.shell import Person
from shared.runtime.clock import now

PER_PAGE = 50
_STATES = (
    ("all", "All", ()),
    ("asked,running,waiting", "Moving", ("asked", "running", "waiting")),
    ("waiting", "Waiting", ("waiting",)),
    ("failed,refused", "Failed", ("failed", "refused")),
    ("succeeded", "Succeeded", ("succeeded",)),
    ("cancelled", "Cancelled", ("cancelled",)),
)


def run_state(run: RunAnswer) -> StateView:
    """Return a run's state; a cancel that was asked shows until it is done."""
    if run.status == "waiting":
        return StateView(tone="retry", word="Waiting to retry")
    if run.cancel_asked_at is not None and run.status in ("asked", "running"):
        return state_view("cancelling")
    return state_view(run.status)


def moved_of(item: ComponentAnswer | None) -> str:
    """Return how much a component moved, in words."""
    if item is None or item.transfer is None:
        return ""
    transfer = item.transfer
    text = (
        f"{count(transfer.confirmed)} of {plural(transfer.total, 'message')}" if transfer.total else plural(transfer.confirmed, "message")
    )
    return f"{text} moved"


def what_happens(run: RunAnswer) -> str:
    """Say what matters about a run, in words."""
    by_status: dict[str, list[ComponentAnswer]] = {}
    for item in run.components:
        by_status.setdefault(item.status, []).append(item)
    if run.status == "asked":
        return "Asked; the executor has not answered yet"
    if run.status == "refused":
        return run.message or "It was refused"
    if by_status.get("retrying") and run.status in ("running", "waiting"):
        item = by_status["retrying"][0]
        failure = f": {item.failure.message}" if item.failure else ""
        return f"{item.component} waits to try again{failure}"
    if run.status == "failed" and by_status.get("failed"):
        item = by_status["failed"][0]
        return f"{item.component} failed: {item.failure.message}" if item.failure else f"{item.component} failed"
    if by_status.get("running"):
        item = max(by_status["running"], key=lambda one: one.transfer.confirmed if one.transfer else -1)
        return " · ".join(part for part in (f"{item.component} is running", moved_of(item)) if part)
    if run.status == "succeeded":
        most = max(run.components, key=lambda one: one.transfer.confirmed if one.transfer else -1, default=None)
        return moved_of(most) or run.message or "It succeeded"
    return run.message or state_view(run.status).word


def run_took(run: RunAnswer) -> float | None:
    """Return how long a run lasted, or lasts."""
    return between(run.started_at, run.finished_at or now())


def run_row(run: RunAnswer) -> RunRow:
    """Return a run in a list."""
    return RunRow(
        id=run.id,
        url=path("runs", run.id),
        workflow=run.workflow or "not known",
        workflow_url=with_query(path("workflows", run.workflow_id), version=str(run.version or "")) if run.workflow_id else "",
        version=run.version or 0,
        state=run_state(run),
        what=what_happens(run),
        started=run.started_at or run.asked_at,
        took_seconds=run_took(run),
        by=run.requested_by or run.trigger,
        components=tuple(state_view(item.status).tone for item in run.components),
    )


class RunListQueries(Queries):
    """The list."""

    async def runs(self, person: Person, asked: Mapping[str, str]) -> RunsPage:  # noqa: ARG002
        status, words = asked.get("state", "all")[:200] or "all", asked.get("q", "").strip()[:200]
        wanted = RunFilter(status="" if status == "all" else status, words=words, workflow=asked.get("workflow", "")[:100])
        page = await self._reads.runs(wanted, after=asked.get("after") or None, limit=PER_PAGE)
        counts = await self._reads.run_counts()
        options = ((value, label, sum(counts.get(name, 0) for name in names or counts)) for value, label, names in _STATES)
        kept = {"q": words, "workflow": wanted.workflow}
        return RunsPage(
            rows=tuple(run_row(run) for run in page.items),
            chips=chips("/runs/", options, status, **kept),
            search=words,
            total=sum(counts.values()),
            next_url=with_query("/runs/", **kept, state=wanted.status, after=page.next) if page.next else "",
            previous_url=with_query("/runs/", **kept, state=wanted.status) if asked.get("after") else "",
            trouble=self._away("executor", "Runs do not move on, and new ones wait."),
        )


def lasted_words(run: RunAnswer) -> str:
    """Return how long a run lasted, in words."""
    seconds = run_took(run)
    return "" if seconds is None else took(seconds)
