"""The page that keeps figures: each row with when it was measured, so that a run of some benchmarks leaves the others' rows alone."""

import platform
import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from benchmarks._figures import Figure, row

ORDER = [
    *("runs", "saturation", "peers", "latency", "calls", "timers", "memory"),
    *("history", "recovery", "history_pages", "replay", "triggers", "live", "idle"),
]
"""As they stand on the page; what is not named comes last."""
_INTRODUCTION = """\
# Figures

Written by `make bench WRITE=docs/figures.md` (`NAMES="timers peers"` measures some and keeps the others' rows); what each line measures is
said in [benchmarks](../benchmarks/README.md). Kafka, PostgreSQL, the executors, the peers and the driver share the machine's cores, so
ratios of one run count, and a rate alone says little. The load column is the machine's load average of the minute in which the line was
measured, beside its cores: above about 2 on 2, somebody else worked too.

The last of them ran on CPython {python}. An interpreter that was built without profile-guided optimisation, as many that are built from
source on the spot, takes a fifth longer; those of the images and of the distributions are built with it.
"""
_HEAD = "| benchmark | what | figure | bar | verdict | beside | load | measured (UTC) |\n|---|---|---|---|---|---|---|---|"
_SATURATION = "## Where the time goes at saturation"
_SECTION = re.compile(r"^## .*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def renewed(page: str, figures: Sequence[Figure], whole: Collection[str], failed: Collection[str], saturation: str) -> str:
    """Return the page with new figures in it.

    ``whole`` are the benchmarks that came to their end: their earlier rows go. Of one in ``failed``, rows go only where a new one says
    the same thing. ``saturation`` is the profile's text, empty = keep the earlier one. Other sections are kept as people wrote them.
    """
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    new = [(found.name, found.what, f"{row(found)} {when} |") for found in figures]
    replaced = {(name, what) for name, what, _ in new}
    kept = [each for each in _rows(page) if each[0] not in whole and each[:2] not in replaced]
    rows = sorted(kept + new, key=lambda each: ORDER.index(each[0]) if each[0] in ORDER else len(ORDER))
    sections = {text.partition("\n")[0]: text.strip() for text in _SECTION.findall(page)}
    if saturation:
        sections = {_SATURATION: f"{_SATURATION}\n\nMeasured {when} UTC.\n\n{saturation}"} | {
            title: text for title, text in sections.items() if title != _SATURATION
        }
    missing = [f"Could not be measured at {when} UTC: {', '.join(failed)}; their rows are older."] if failed else []
    table = "\n".join([_HEAD, *(text for *_, text in rows)])
    introduction = _INTRODUCTION.format(python=f"{platform.python_version()} ({platform.python_compiler()})").strip()
    return "\n\n".join([introduction, table, *missing, *sections.values()]) + "\n"


def _rows(page: str) -> list[tuple[str, str, str]]:
    """Return benchmark, what and text of each row of the table."""
    found = []
    for line in page.partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| ") and len(cells) >= 2 and cells[0] != "benchmark":
            found.append((cells[0], cells[1], line))
    return found
