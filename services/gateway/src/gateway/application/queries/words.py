"""Figures and addresses as pages show them; pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from gateway.application.answers.dags import DagRunAnswer
from gateway.application.views.parts import FilterChip, HistoryBar, Tone, state_view


def path(*parts: str) -> str:
    """Return an address of parts, each percent-encoded as a whole."""
    return "/" + "".join(f"{quote(part, safe='')}/" for part in parts)


def with_query(url: str, **values: str | None) -> str:
    """Return an address with those query values that are not empty."""
    given = {key: value for key, value in values.items() if value}
    return f"{url}?{urlencode(given)}" if given else url


def count(value: int | None) -> str:
    """Return a figure with thousands set off."""
    return "–" if value is None else f"{value:,}"


def size(value: int) -> str:
    """Return bytes in the unit that fits."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def took(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 10:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
    if seconds < 86_400:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"
    return f"{seconds // 86_400:.0f} d {seconds % 86_400 // 3600:.0f} h"


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds between two times, when both are known."""
    return None if start is None or end is None else max((end - start).total_seconds(), 0.0)


def plural(number: int, one: str, many: str = "") -> str:
    """Return ``1 DAG``, ``3 DAGs``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def chips(url: str, options: Iterable[tuple[str, str, int | None]], active: str, **kept: str | None) -> tuple[FilterChip, ...]:
    """Return filter chips for (value, label, count)."""
    return tuple(
        FilterChip(label=label, url=with_query(url, **kept, state="" if value == "all" else value), count=number, active=value == active)
        for value, label, number in options
    )


def bars(runs: Sequence[DagRunAnswer], *, at: datetime, most: int = 25) -> tuple[HistoryBar, ...]:
    """Return the newest runs as bars, oldest first; height by duration."""
    shown = list(runs[:most])[::-1]
    lasted = [between(run.started_at, run.ended_at or (at if run.state == "running" else None)) for run in shown]
    longest = max((value for value in lasted if value), default=0.0)
    return tuple(
        HistoryBar(
            state=state_view(run.state),
            share=max((value or 0.0) / longest, 0.06) if longest else 0.06,
            title=f"{run.dag_run_id}: {state_view(run.state).word}" + (f", {took(value)}" if value is not None else ""),
            url=path("dags", run.cluster_id, run.dag_id, "runs", run.dag_run_id),
        )
        for run, value in zip(shown, lasted, strict=True)
    )


SEVERITY_TONES: dict[str, Tone] = {"critical": "bad", "warning": "retry", "info": "run"}
