"""The list of runs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from gateway.application.answers.runs import RunAnswer
from gateway.application.ports.read_model import COUNTED, STATES, RunFilter, WrongCursor
from gateway.application.queries.base import Queries
from gateway.application.queries.run_state import component_state, moved_of, run_state, what_happens
from gateway.application.queries.words import between, path, plural, took, with_query
from gateway.application.views.parts import Choice, FilterChip
from gateway.application.views.runs import RunRow, RunsPage
from gateway.application.views.shell import Person
from shared.runtime.clock import now

__all__ = ["RunListQueries", "lasted_words", "moved_of", "run_row", "run_state", "run_took", "wanted_of", "what_happens"]

PER_PAGE = 50
MOST_NAMES = 500
SHORT = 3
"""Words with fewer signs are only looked for in the newest runs."""
_CHIPS = (
    ("Running", ("asked", "running")),
    ("Queued", ("queued",)),
    ("Waiting", ("waiting",)),
    ("Paused", ("paused",)),
    ("Parked", ("parked",)),
    ("Failed", ("failed",)),
    ("Succeeded", ("succeeded",)),
    ("Cancelled", ("cancelled",)),
    ("Refused", ("refused",)),
)
_SPANS = {"1h": ("Last hour", 1), "24h": ("Last 24 hours", 24), "7d": ("Last 7 days", 24 * 7), "30d": ("Last 30 days", 24 * 30)}
_TRIGGERS = {"ui": "By hand", "api": "API", "event": "Message", "kafka": "Kafka event", "schedule": "Schedule", "dag": "DAG run"}


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
        key=run.business_key or "",
        components=tuple(component_state(item).tone for item in run.components),
        may_retry=run.status in ("failed", "parked") and not (run.refusal is not None and run.refusal.gone),
    )


def wanted_of(asked: Mapping[str, str]) -> RunFilter:
    """Return which runs an address asks for. What it says wrongly is left out, because an address is no form."""
    status = ",".join(state for state in asked.get("state", "")[:200].split(",") if state in STATES)
    since, until = _moment(asked.get("since", "")), _moment(asked.get("until", ""))
    span = _SPANS.get(asked.get("span", ""))
    if since is None and span is not None:
        since = now() - timedelta(hours=span[1])
    return RunFilter(
        workflow=asked.get("workflow", "")[:100],
        status=status,
        words=asked.get("q", "").strip()[:200],
        trigger=asked.get("trigger", "")[:160],
        since=since,
        until=until,
    )


def _moment(text: str) -> datetime | None:
    """Return a time as an address or a browser's field says it; without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class RunListQueries(Queries):
    """The list."""

    async def runs(self, person: Person, asked: Mapping[str, str]) -> RunsPage:  # noqa: ARG002
        wanted = wanted_of(asked)
        try:
            page = await self._reads.runs(wanted, after=asked.get("after") or None, limit=PER_PAGE)
        except WrongCursor:
            page = await self._reads.runs(wanted, after=None, limit=PER_PAGE)
        kept = {name: asked.get(name, "")[:200] for name in ("q", "workflow", "trigger", "span", "since", "until")}
        counts = {} if wanted.words else await self._counts(wanted)
        retryable = not wanted.status or {"failed", "parked"} & set(wanted.statuses)
        return RunsPage(
            rows=tuple(run_row(run) for run in page.items),
            chips=_chips(wanted, counts, kept),
            search=wanted.words,
            state=wanted.status,
            workflow=wanted.workflow,
            workflows=await self._workflows(wanted.workflow),
            trigger=wanted.trigger,
            triggers=_triggers(wanted.trigger),
            span=kept["span"] if kept["span"] in _SPANS else "",
            spans=tuple(Choice(value=value, label=label) for value, (label, _) in _SPANS.items()),
            since=kept["since"],
            until=kept["until"],
            filtered=bool(wanted.status or any(kept.values())),
            total_text=_total(wanted, counts, len(page.items)),
            note="Words of fewer than 3 letters are looked for in the newest runs only." if 0 < len(wanted.words) < SHORT else "",
            bulk_url=with_query("/runs/bulk/add/", **kept, state=wanted.status) if retryable and page.items else "",
            next_url=with_query("/runs/", **kept, state=wanted.status, after=page.next) if page.next else "",
            previous_url=with_query("/runs/", **kept, state=wanted.status) if asked.get("after") else "",
            trouble=self._away("executor", "Runs do not move on, and new ones wait."),
        )

    async def _workflows(self, chosen: str) -> tuple[Choice, ...]:
        names = await self._reads.workflow_names(limit=MOST_NAMES)
        choices = [Choice(value=name, label=name) for name in names]
        if chosen and chosen not in names:
            record = await self._reads.workflow(chosen)
            choices.insert(0, Choice(value=chosen, label=record.name if record else chosen))
        return tuple(choices)

    async def _counts(self, wanted: RunFilter) -> dict[str, int | None]:
        every = RunFilter(workflow=wanted.workflow, trigger=wanted.trigger, since=wanted.since, until=wanted.until)
        return dict.fromkeys(STATES, 0) | await self._reads.count_runs(every)


def _chips(wanted: RunFilter, counts: Mapping[str, int | None], kept: Mapping[str, str]) -> tuple[FilterChip, ...]:
    """Return a chip for each state; pressing one adds it to the chosen ones, or takes it away."""
    chosen = wanted.statuses
    chips = [FilterChip(label="All", url=with_query("/runs/", **kept), active=not chosen)]
    for label, states in _CHIPS:
        active = set(states) <= set(chosen)
        after = [state for state in STATES if (state in chosen and state not in states) or (not active and state in states)]
        found = [counts.get(state) for state in states]
        number = None if None in found else sum(item or 0 for item in found)
        more = number is not None and number >= COUNTED
        if not number and not active and label in ("Queued", "Paused", "Parked", "Refused") and counts:
            continue
        url = with_query("/runs/", **kept, state=",".join(after))
        chips.append(
            FilterChip(label=label, url=url, count=min(number, COUNTED - 1) if number is not None else None, more=more, active=active)
        )
    return tuple(chips)


def _triggers(chosen: str) -> tuple[Choice, ...]:
    choices = [Choice(value=value, label=label) for value, label in _TRIGGERS.items()]
    if chosen and chosen not in _TRIGGERS:
        choices.append(Choice(value=chosen, label=chosen))
    return tuple(choices)


def _total(wanted: RunFilter, counts: Mapping[str, int | None], shown: int) -> str:
    text = plural(shown, "run")
    found = [counts.get(state) for state in (wanted.statuses or STATES)]
    if not counts or None in found:
        return text
    total = sum(item or 0 for item in found)
    return f"{text} of {COUNTED - 1:,}+" if any((item or 0) >= COUNTED for item in found) else f"{text} of {total:,}"


def lasted_words(run: RunAnswer) -> str:
    """Return how long a run lasted, in words."""
    seconds = run_took(run)
    return "" if seconds is None else took(seconds)
