"""Runs the benchmarks by name, all of them unless told otherwise: ``python -m benchmarks [--write FILE] [NAME …]``.

Each is a process of its own, so that one's memory and event loop do not colour the next one's figures, and each has a limit of time. In
the end stands one table: bar, figure, verdict. ``--write`` keeps it in a file, with the machine and its load.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks._figures import kept, load, table

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
LIMIT_SECONDS, WHOLE_SECONDS = 420, 1500
"""Of one benchmark, and of all together; what takes longer counts as not measured."""


def main(words: list[str]) -> int:
    """Run and return 0 when every benchmark could be measured, whatever its figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Figures as ratios in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--write", type=Path, help="write the table to this file")
    asked = parser.parse_args(words)
    if unknown := [name for name in asked.names if name not in NAMES]:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    began, failed = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "figures"
        for name in asked.names or NAMES:
            print(f"\n== {name}", flush=True)
            if not measured(name, place, min(LIMIT_SECONDS, began + WHOLE_SECONDS - time.monotonic())):
                failed.append(name)
        found = kept(place)
    text = table(found)
    print(f"\n{text}\n\nafter {time.monotonic() - began:.0f} s")
    if failed:
        print(f"\ncould not be measured: {', '.join(failed)}", file=sys.stderr)
    if asked.write:
        asked.write.write_text(page(text, failed))
    return int(bool(failed))


def measured(name: str, place: Path, limit: float) -> bool:
    """Run one benchmark; return whether it came to its end within ``limit`` seconds."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    try:
        env = os.environ | {"BENCH_FIGURES": str(place)}
        return subprocess.run(command, cwd=HERE.parent, env=env, timeout=max(limit, 0.1), check=False).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"{name} took longer than {limit:.0f} s", file=sys.stderr)
        return False


def page(text: str, failed: list[str]) -> str:
    """Return the table with where and when it was measured."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    missing = f"\nCould not be measured: {', '.join(failed)}.\n" if failed else ""
    return (
        "# Figures\n\n"
        "Written by `python -m benchmarks --write docs/figures.md`; what each line measures is said in\n"
        "[benchmarks](../benchmarks/README.md).\n"
        f"Measured {when} UTC on a machine of {os.cpu_count()} cores that Kafka, PostgreSQL, the executor and the driver share;\n"
        f"the load column is the machine's load average while the line was measured (at the end: {load()}).\n\n"
        f"{text}\n{missing}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
