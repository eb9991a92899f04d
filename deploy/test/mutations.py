"""Removes, one after the other, what holds the promises of delivery, and demands that a named test notices each time.

    python deploy/test/mutations.py [--list] [WORD ...]

Each mutation is a piece of text that is replaced in a scratch copy of the working tree; nothing here is changed. It fails when a
test is red without a mutation, when a piece of text is not there (any more), when a mutation stays unnoticed, and when it is unclear
whether it was: a test that runs out of time or can't begin has noticed nothing. Words choose the mutations whose names contain them.
Several of the tests start a real PostgreSQL or Kafka. The list stands in ``guards.py``.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from guards import ALL, Mutation

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 240
GREEN, RED = "green", "red"


def copy() -> Path:
    """Return a scratch copy of every file that git knows or would take, with the prepared parts linked."""
    target = Path(tempfile.mkdtemp(prefix="flowtower-mutations-"))
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    if (ROOT / ".flowtower").exists():
        (target / ".flowtower").symlink_to(ROOT / ".flowtower")
    return target


def judged(place: Path, tests: list[str]) -> tuple[str, str]:
    """Run tests in the copy; return how it went, and the end of what pytest said.

    ``green``: all passed. ``red``: one failed by itself. Anything else says in words why it is neither: a test that ran out of time, or
    whose parts did not start, has noticed nothing.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", *tests]
    limit = LIMIT_SECONDS * (1 + len(tests) // 4)
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return f"not over after {limit} s", ""
    if done.returncode not in {0, 1}:
        raise SystemExit(f"pytest could not run {tests}:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    said = done.stdout[-1500:]
    if done.returncode == 0:
        return GREEN, said
    lines = done.stdout.splitlines()
    # A line of pytest's summary; the captured log of a test that failed has its level in a wider column.
    if any(line.startswith("ERROR ") and not line.startswith("ERROR  ") for line in lines) or "Failed: Timeout" in done.stdout:
        return "not run to its end: what it needs did not start, or its time was over", said
    return RED, said


def noticed(place: Path, mutation: Mutation) -> str:
    """Apply a mutation, run its test, take it back; return what is wrong, empty when the test noticed it."""
    file = place / mutation.file
    text = file.read_text()
    if text.count(mutation.old) != 1:
        return f"its text stands {text.count(mutation.old)} times in {mutation.file}"
    file.write_text(text.replace(mutation.old, mutation.new))
    try:
        verdict, said = judged(place, [mutation.test])
    finally:
        file.write_text(text)
    if verdict == RED:
        return ""
    return f"{mutation.test} stays green" if verdict == GREEN else f"unclear: {mutation.test} is {verdict}\n{said}"


def main(words: list[str]) -> int:
    """Return 0 when each mutation turned its test red."""
    chosen = [m for m in ALL if all(word == "--list" or word in m.name for word in words)]
    if "--list" in words or not chosen:
        print("\n".join(m.name for m in ALL))
        return 0 if chosen else 2
    place = copy()
    try:
        verdict, said = judged(place, sorted({m.test for m in chosen}))
        if verdict != GREEN:
            print(f"{verdict} without any mutation:\n{said}", file=sys.stderr)
            return 1
        wrong = {}
        for mutation in chosen:
            problem = noticed(place, mutation)
            print(f"{'NOT noticed' if problem else 'noticed':12} {mutation.name}{f': {problem}' if problem else ''}", flush=True)
            if problem:
                wrong[mutation.name] = problem
        print(f"{len(chosen) - len(wrong)} of {len(chosen)} mutations were noticed")
        return int(bool(wrong))
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
