"""Runs the benchmarks by name, all of them unless told otherwise: ``python -m benchmarks [--write FILE] [NAME …]``.

Each is a process of its own, so that one's memory and event loop do not colour the next one's figures, and each has a limit of time. In
the end stands one table: bar, figure, verdict. ``--write`` keeps it in a file: the rows of what was measured are renewed, the others stay.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._figures import kept, table
from benchmarks._page import ORDER, renewed

HERE = Path(__file__).parent
NAMES = sorted(
    (path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_")),
    key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name),
)
LIMIT_SECONDS, WHOLE_SECONDS = 720, 3000
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
    began = time.monotonic()
    whole: list[str] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        place, profile = Path(folder) / "figures", Path(folder) / "saturation"
        for name in asked.names or NAMES:
            print(f"\n== {name}", flush=True)
            limit = min(LIMIT_SECONDS, began + WHOLE_SECONDS - time.monotonic())
            (whole if measured(name, place, profile, limit) else failed).append(name)
            if asked.write:
                # At once: what was measured stands even if a later one never comes to its end.
                page = asked.write.read_text() if asked.write.exists() else ""
                saturation = profile.read_text() if profile.exists() else ""
                asked.write.write_text(renewed(page, kept(place), whole, failed, saturation))
        found = kept(place)
    print(f"\n{table(found)}\n\nafter {time.monotonic() - began:.0f} s")
    if failed:
        print(f"\ncould not be measured: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def measured(name: str, place: Path, profile: Path, limit: float) -> bool:
    """Run one benchmark; return whether it came to its end within ``limit`` seconds."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    env = os.environ | {"BENCH_FIGURES": str(place), "BENCH_SATURATION": str(profile)}
    began = time.monotonic()
    try:
        return subprocess.run(command, cwd=HERE.parent, env=env, timeout=max(limit, 0.1), check=False).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"{name} took longer than {limit:.0f} s", file=sys.stderr)
        return False
    finally:
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
