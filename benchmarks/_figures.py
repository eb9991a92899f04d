"""What a benchmark found, beside its bar: printed at once, and kept for the table at the end.

``python -m benchmarks`` gives each benchmark a file to append to by ``BENCH_FIGURES``; alone, a benchmark only prints.
"""

import json
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

REACHED, MISSED, SEEN = "reached", "NOT reached", "–"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``verdict`` is one of reached, NOT reached, – (nothing was asked for)."""

    name: str
    what: str
    figure: str
    bar: str
    verdict: str
    beside: str
    load: str


def load() -> str:
    """Return how busy the machine is: the load average of the last minute beside its cores."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()}"


def note(name: str, what: str, figure: str, *, beside: str, bar: str = "", reached: bool | None = None) -> None:
    """Print a figure and keep it. Without a bar there is no verdict."""
    verdict = SEEN if reached is None else REACHED if reached else MISSED
    found = Figure(name, what, figure, bar or "–", verdict, beside, load())
    print(f"{what}: {figure}; bar {found.bar}: {verdict}; beside {beside}; load {found.load}", flush=True)
    if place := os.environ.get("BENCH_FIGURES"):
        with Path(place).open("a") as file:
            file.write(json.dumps(asdict(found), ensure_ascii=False) + "\n")


def kept(place: Path) -> list[Figure]:
    """Return the figures in a file, in their order."""
    return [Figure(**json.loads(line)) for line in place.read_text().splitlines()] if place.exists() else []


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table."""
    head = "| benchmark | what | figure | bar | verdict | beside | load |\n|---|---|---|---|---|---|---|"
    return "\n".join([head, *map(row, figures)])


def row(f: Figure) -> str:
    """Return one line of the table."""
    return f"| {f.name} | {f.what} | {f.figure} | {f.bar} | {f.verdict} | {f.beside} | {f.load} |"


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value below which ``share`` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def medians(rounds: Iterable[Sequence[float]]) -> list[float]:
    """Return the median of each column."""
    return [statistics.median(column) for column in zip(*rounds, strict=True)]
