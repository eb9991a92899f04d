"""Runs the checks of the repository by name, all of them unless told otherwise, and sums up at the end.

    python deploy/test/gate.py [NAME ...]

It runs inside the development environment. Each check is a process of its own; one that fails does not keep the others
from running. A suite of tests is run in two sessions, because the parts are shared by a session: first the packages'
own tests, then those under ``tests/``, which run the services as processes against the same Kafka topics.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
TOOLS = Path(PYTHON).parent

NO_TESTS_COLLECTED = 5
PACKAGE_TESTS = ("shared/tests", "services", "deploy")
WHOLE_TESTS = ("tests/system", "tests/browser", "tests/chaos")

# Every marker expression excludes the ones before it, and together they leave nothing out.
SUITES = {
    "unit": "not connected and not airflow and not browser and not chaos",
    "connected": "connected and not airflow and not browser and not chaos",
    "airflow": "airflow and not browser and not chaos",
    "browser": "browser and not chaos",
    "chaos": "chaos",
}


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
    """Run a suite's two sessions. One of them may be empty and says so; both empty is a failure."""
    sessions = []
    for title, places in ((name, PACKAGE_TESTS), (f"{name}, whole", WHOLE_TESTS)):
        there = [place for place in places if (ROOT / place).exists()]
        if there:
            sessions.append(pytest(title, ["-m", SUITES[name], *there]))
    if all(outcome.remark for outcome in sessions):
        return [*sessions, Outcome(f"{name}: no test at all", ok=False, seconds=0)]
    return sessions


def pytest(name: str, words: Sequence[str]) -> Outcome:
    command = [PYTHON, "-m", "pytest", "-q", "--durations=5", "--no-header", *words]
    return run(name, command, {"FLOWTOWER_TEST_STRICT": "1"}, empty=NO_TESTS_COLLECTED)


def run(name: str, command: Sequence[str], more: dict[str, str] | None = None, *, empty: int | None = None) -> Outcome:
    print(f"\n=== {name}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env=os.environ | (more or {}), check=False).returncode
    remark = "no tests here" if code == empty else ""
    return Outcome(name, ok=code == 0 or bool(remark), seconds=time.monotonic() - began, remark=remark)


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
    outcomes = [outcome for name in (names or CHECKS) for outcome in CHECKS[name]()]
    print("\n=== summary")
    for outcome in outcomes:
        word = "failed" if not outcome.ok else outcome.remark or "passed"
        print(f"{outcome.name:24} {outcome.seconds:7.1f} s  {word}")
    print(f"{'all':24} {sum(outcome.seconds for outcome in outcomes):7.1f} s")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
