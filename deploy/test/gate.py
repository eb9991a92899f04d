"""Runs the checks of the repository by name, all of them unless told otherwise, and sums up at the end.

    python deploy/test/gate.py [NAME ...]

It runs inside the development environment. Each check is a process of its own; one that fails does not keep the others
from running. A suite of tests is run in several sessions, because the parts are shared by a session: each package's own
tests, whose service would otherwise answer what another package's test asks on the same topics, and then those under ``tests/``.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
TOOLS = Path(PYTHON).parent

NO_TESTS_COLLECTED = 5
NOTHING = "no tests here"
STRICT = {"FLOWTOWER_TEST_STRICT": "1"}
PACKAGE_TESTS = ("shared/tests", "services/alerter", "services/cluster-poller", "services/executor", "services/gateway", "deploy")
WHOLE_TESTS = ("tests/system", "tests/browser", "tests/chaos")

# Every marker expression excludes the ones before it, and together they leave nothing out.
SUITES = {
    "unit": "not connected and not airflow and not browser and not chaos",
    "connected": "connected and not airflow and not browser and not chaos",
    "airflow": "airflow and not browser and not chaos",
    "browser": "browser and not chaos",
    "chaos": "chaos",
}

LANED = tuple(SUITES)
SECOND_LANE = (
    "unit, cluster-poller",
    "connected, whole",
    "connected, gateway",
    "airflow, cluster-poller",
    "airflow, whole",
    "airflow, tests",
    "browser, whole",
    "chaos, cluster-poller",
)
"""The other lane takes the rest; both take about as long."""


@dataclass(frozen=True)
class Outcome:
    name: str
    ok: bool
    seconds: float
    remark: str = ""


def lint() -> list[Outcome]:
    return [
        run("lint", [PYTHON, "-m", "ruff", "check", "."]),
        run("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        run("templates", [str(TOOLS / "djlint"), "--lint", "--quiet", "services/ui/templates"]),
    ]


def types() -> list[Outcome]:
    return [run("types", [PYTHON, "-m", "mypy"])]


def imports() -> list[Outcome]:
    return [run("imports", [str(TOOLS / "lint-imports"), "--no-cache"])]


def ui() -> list[Outcome]:
    return [run("ui", [PYTHON, "deploy/test/build_ui.py"])]


def repo() -> list[Outcome]:
    return [pytest("repo", ["tests/repo"])]


def suite(name: str) -> list[Outcome]:
    """Run a suite's sessions. One of them may be empty and says so; all empty is a failure."""
    return fullness(name, [pytest(title, words) for title, words in sessions_of(name)])


def sessions_of(name: str) -> list[tuple[str, list[str]]]:
    """Return a suite's sessions: their titles and what pytest is told."""
    packages = [(f"{name}, {Path(place).name}", (place,)) for place in PACKAGE_TESTS]
    found = []
    for title, places in (*packages, (f"{name}, whole", WHOLE_TESTS)):
        there = [place for place in places if (ROOT / place).exists()]
        if there:
            found.append((title, ["-m", SUITES[name], *there]))
    return found


def fullness(name: str, outcomes: list[Outcome]) -> list[Outcome]:
    if all(outcome.remark == NOTHING for outcome in outcomes):
        return [*outcomes, Outcome(f"{name}: no test at all", ok=False, seconds=0)]
    return outcomes


def pytest(name: str, words: Sequence[str], *, apart: bool = False) -> Outcome:
    """Run a session. The files of tests that failed are run once more; what passes then is told as unsteady, not hidden.

    Real parts on a small, noisy machine now and then miss a deadline; a test that fails twice fails the gate. ``apart``: its
    output is kept in a file and printed when it is over, because another session runs beside it.
    """
    cache = ROOT / ".flowtower" / "test" / "gate" / name.replace(", ", "-")
    command = [PYTHON, "-m", "pytest", "-q", "--durations=5", "--no-header", "-o", f"cache_dir={cache}"]
    shutil.rmtree(cache, ignore_errors=True)
    first = run(name, [*command, *words], STRICT, empty=NO_TESTS_COLLECTED, apart=apart)
    failed = last_failed(cache)
    if first.ok or not failed:
        return first
    files = sorted({test.split("::")[0] for test in failed})
    again = run(f"{name}, again", [*command, *words[:2], *files] if len(words) > 1 else [*command, *files], STRICT, apart=apart)
    remark = f"passed at the second try, unsteady: {', '.join(failed)}" if again.ok else ""
    return Outcome(name, ok=again.ok, seconds=first.seconds + again.seconds, remark=remark)


def last_failed(cache: Path) -> list[str]:
    """Return the ids of the tests that failed, or of the files that could not be read."""
    kept = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(kept.read_text())) if kept.exists() else []


def run(name: str, command: Sequence[str], more: dict[str, str] | None = None, *, empty: int | None = None, apart: bool = False) -> Outcome:
    print(f"\n=== {name}{' begins' if apart else ''}", flush=True)
    began = time.monotonic()
    kept = ROOT / ".flowtower" / "test" / f"{name.replace(', ', '-')}.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("w") as output:
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | (more or {}), check=False,
            stdout=output if apart else None, stderr=subprocess.STDOUT if apart else None,
        )  # fmt: skip
    if apart:
        print(f"\n=== {name}\n{kept.read_text(errors='replace')}", flush=True)
    remark = NOTHING if done.returncode == empty else ""
    return Outcome(name, ok=done.returncode == 0 or bool(remark), seconds=time.monotonic() - began, remark=remark)


def beside_each_other() -> list[Outcome]:
    """Run the sessions in two lanes: most of their time they wait for something to start or to be noticed."""
    sessions = {title: words for name in LANED for title, words in sessions_of(name)}
    lanes = [[title for title in sessions if title not in SECOND_LANE], [title for title in sessions if title in SECOND_LANE]]

    def lane(titles: list[str]) -> list[Outcome]:
        return [pytest(title, sessions[title], apart=True) for title in titles]

    with ThreadPoolExecutor(len(lanes)) as pool:
        outcomes = {outcome.name: outcome for found in pool.map(lane, lanes) for outcome in found}
    return [found for name in LANED for found in fullness(name, [outcomes[title] for title, _ in sessions_of(name)])]


CHECKS = {
    "repo": repo,
    "lint": lint,
    "imports": imports,
    "types": types,
    "ui": ui,
    **{name: (lambda name=name: suite(name)) for name in SUITES},
}


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"there is no check {', '.join(unknown)}; there are {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    outcomes = [outcome for name in (names or [name for name in CHECKS if name not in LANED]) for outcome in CHECKS[name]()]
    if not names:
        outcomes += beside_each_other()
    print("\n=== summary")
    for outcome in outcomes:
        word = "failed" if not outcome.ok else outcome.remark or "passed"
        print(f"{outcome.name:24} {outcome.seconds:7.1f} s  {word}")
    print(f"{'all':24} {time.monotonic() - began:7.1f} s")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
