"""The time line and the trace of a run, placed by shares (0..1) of its whole time."""

from datetime import datetime

from gateway.application.answers.runs import AttemptAnswer, RunDetail
from gateway.application.queries.run_retry import run_graph
from gateway.application.queries.words import between, took
from gateway.application.views.parts import Tone, state_view
from gateway.application.views.runs import GanttRow, GanttSegment, SpanRow
from shared.runtime.clock import now

_TONES: dict[str, Tone] = {"failed": "bad", "running": "run", "succeeded": "ok", "cancelled": "skipped"}


class _Scale:
    """The run's whole time."""

    def __init__(self, run: RunDetail) -> None:
        self.start = run.started_at or run.asked_at
        ends = [attempt.finished_at for attempt in run.attempts if attempt.finished_at]
        end = run.finished_at or now()
        self.end = max([end, *ends])
        self.whole = max((self.end - self.start).total_seconds(), 0.001)

    def place(self, start: datetime, end: datetime | None) -> tuple[float, float]:
        """Return offset and width of a stretch."""
        offset = min(max((start - self.start).total_seconds() / self.whole, 0.0), 1.0)
        width = max(((end or self.end) - start).total_seconds() / self.whole, 0.0)
        return offset, min(max(width, 0.002), 1.0 - offset if offset < 1 else 0.0)


def gantt_of(run: RunDetail) -> tuple[GanttRow, ...]:
    """Return a row for each component: its attempts, and the pauses between them."""
    scale = _Scale(run)
    rows = []
    for item in run.components:
        tries = sorted(
            (one for one in run.attempts if one.component == item.component and one.started_at),
            key=lambda one: one.started_at or scale.start,
        )
        segments: list[GanttSegment] = []
        for place, one in enumerate(tries):
            segments += [_segment(scale, one), *_holds(scale, one)]
            later = tries[place + 1].started_at if place + 1 < len(tries) else one.next_attempt_at
            if one.finished_at and one.next_attempt_at and later:
                offset, width = scale.place(one.finished_at, min(later, scale.end))
                pause = between(one.finished_at, later) or 0.0
                segments.append(GanttSegment(offset=offset, width=width, tone="waiting", title=f"waits {took(pause)} for the next attempt"))
        rows.append(
            GanttRow(
                name=item.component,
                url=f"?component={item.component}",
                segments=tuple(segments),
                said="; ".join(part.title for part in segments) or "not tried",
                took_seconds=between(item.started_at, item.finished_at or (now() if item.status in ("running", "retrying") else None)),
            )
        )
    return tuple(rows)


def _segment(scale: _Scale, one: AttemptAnswer) -> GanttSegment:
    start = one.started_at or scale.start
    offset, width = scale.place(start, one.finished_at)
    lasted = between(start, one.finished_at or scale.end) or 0.0
    title = f"Attempt {one.attempt}: {state_view(one.status).word}, {took(lasted)}"
    return GanttSegment(offset=offset, width=width, tone=_TONES.get(one.status, "waiting"), title=title)


def _holds(scale: _Scale, one: AttemptAnswer) -> list[GanttSegment]:
    """Return the stretches in which an attempt waited for a limit of its endpoint; they lie over the attempt."""
    segments = []
    for place, hold in enumerate(one.holds):
        later = one.holds[place + 1].at if place + 1 < len(one.holds) else None
        end = min(item for item in (hold.until, later, one.finished_at, scale.end) if item is not None)
        offset, width = scale.place(hold.at, max(end, hold.at))
        lasted = between(hold.at, max(end, hold.at)) or 0.0
        segments.append(GanttSegment(offset=offset, width=width, tone="unknown", title=f"held {took(lasted)}: {hold.reason}"))
    return segments


def axis_of(run: RunDetail) -> tuple[str, ...]:
    """Return the labels of the axis at equal distances."""
    scale = _Scale(run)
    return tuple("0 s" if not quarter else took(scale.whole * quarter / 4) for quarter in range(5))


def spans_of(run: RunDetail) -> tuple[SpanRow, ...]:
    """Return the trace as the journal tells it: the run and each attempt that carries a span's id."""
    if run.trace_id is None:
        return ()
    scale = _Scale(run)
    tone = state_view(run.status).tone
    whole = between(scale.start, run.finished_at)
    rows = []
    depth = 0
    if run.parent_span_id and run.asked_at:
        asked = between(run.asked_at, scale.start)
        rows.append(
            SpanRow(
                span_id=run.parent_span_id,
                name="asked" + (f" by {run.requested_by}" if run.requested_by else ""),
                service=_asker(run.trigger),
                depth=0,
                offset=0.0,
                width=0.002,
                took_ms=None if asked is None else asked * 1000,
                tone="ok",
            )
        )
        depth = 1
    if run.span_id:
        rows.append(
            SpanRow(
                span_id=run.span_id,
                name=f"run {run.workflow}",
                service="executor",
                depth=depth,
                offset=0.0,
                width=1.0,
                took_ms=None if whole is None else whole * 1000,
                tone=tone,
            )
        )
        depth += 1
    graph = run_graph(run)
    order = {node.name: len(run.nodes) - len(graph.behind((node.name,))) for node in run.nodes}
    known = [one for one in run.attempts if one.span_id and one.started_at]
    for one in sorted(known, key=lambda one: (one.started_at or scale.start, order.get(one.component, 0))):
        start = one.started_at or scale.start
        offset, width = scale.place(start, one.finished_at)
        lasted = between(start, one.finished_at)
        rows.append(
            SpanRow(
                span_id=one.span_id or "",
                name=f"{one.component} attempt {one.attempt}",
                service="executor",
                depth=depth,
                offset=offset,
                width=width,
                took_ms=None if lasted is None else lasted * 1000,
                tone=_TONES.get(one.status, "waiting"),
            )
        )
    return tuple(rows)


def _asker(trigger: str) -> str:
    """Return who sent the start: ``<kind>:<name>`` is a trigger that the executor ran."""
    if trigger in ("ui", "api"):
        return "gateway"
    return "executor" if ":" in trigger else "a program"
