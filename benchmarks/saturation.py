"""Where the time goes at saturation: the executor's own by part, as py-spy sees it, and the machine's by process.

One burst of runs as in `runs`, twice: once watched from outside only (who uses how much of the cores), once with py-spy on the
executor's process. A sample belongs to the innermost frame that lies in one of the parts below. Writes a section for the page of figures to
``BENCH_SATURATION``; alone, it prints it.
"""

import os
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
import uvloop

from benchmarks import _engine
from benchmarks._engine import RUNS, Driver, Stage, profiled
from benchmarks._figures import note
from shared.testing.process import PartProcess

PARTS = (
    ("domain", r"executor/domain/"),
    ("attempts", r"application/(attempts|entering|admission|steps|inputs|active|preparing|patience)\.py|_trivial_executor"),
    ("journal", r"adapters/journal\.py|application/(writer|planning|entries)\.py|asyncpg/|runtime/(database|standing)\.py"),
    ("publishing", r"adapters/(outcomes|figures)\.py|runtime/packing\.py|aiokafka/(producer|record)/|lz4"),
    (
        "intake",
        r"(application|entrypoints)/commands\.py|runtime/(consumer|origin|kafka_topics)|shared/contracts/|aiokafka/consumer/|run_queue\.py",
    ),
    ("engine", r"application/engine\.py"),
)
"""Part → files. Innermost first, so a library counts for whoever called it if it has no line of its own here."""
_LINES = 12
_FRAME = re.compile(r"^(?P<name>.*) \((?P<file>[^()]*?)(:\d+)?\)$")


def part_of(frames: list[str]) -> str:
    """Return the part that a stack (outermost frame first) was at work for."""
    for frame in reversed(frames):
        for part, files in PARTS:
            if re.search(files, frame):
                return part
    return "event loop"


def by_part(stacks: str) -> tuple[Counter[str], Counter[str]]:
    """Return samples by part and by function from py-spy's raw form: frames joined by ``;``, a blank, the number of samples."""
    parts: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame for frame in stack.split(";") if not frame.startswith(("process ", "thread "))]
        if not frames or not count.isdigit():
            continue
        parts[part_of(frames)] += int(count)
        found = _FRAME.match(frames[-1])
        functions[f"`{found['name']}` in {Path(found['file']).name}" if found else frames[-1]] += int(count)
    return parts, functions


def spent(pid: int) -> float:
    """Return the CPU seconds of a process and its children so far; of this one alone, whose children are all the others."""
    process = psutil.Process(pid)
    if pid == os.getpid():
        return process.cpu_times().user + process.cpu_times().system
    return sum(times.user + times.system for each in (process, *process.children(recursive=True)) for times in (each.cpu_times(),))


async def measure(stage: Stage, folder: Path) -> str:
    driver = Driver(stage)
    await driver.start()
    await driver.throughput()  # warms up
    processes: dict[str, object] = {"executor": stage.executor, "Kafka": stage.kafka.process, "PostgreSQL": stage.postgres.process}
    pids = {name: part.pid for name, part in processes.items() if isinstance(part, PartProcess)} | {"driver": os.getpid()}
    before, began = {name: spent(pid) for name, pid in pids.items()}, time.monotonic()
    rate, cpu = await driver.throughput()
    watched = time.monotonic() - began
    cores = {name: (spent(pid) - before[name]) / watched for name, pid in pids.items()}
    async with profiled(stage, "saturation", folder=folder):
        slowed, _ = await driver.throughput()
    await driver.stop()
    used = ", ".join(f"{name} {share:.2f}" for name, share in cores.items())
    note(
        "saturation", "cores in use at the highest rate", used, beside=f"{rate:.0f} runs/s on {os.cpu_count()} cores; {cpu:.0f} µs per run"
    )
    parts, functions = by_part((folder / "saturation.stacks").read_text())
    whole = sum(parts.values())
    if not whole:
        raise RuntimeError("py-spy has seen nothing")
    lines = [
        f"{rate:.0f} runs/s of three components, {cpu:.0f} µs of the executor's CPU per run; {slowed:.0f} runs/s while py-spy watched.",
        f"Cores in use, of {os.cpu_count()}: {used}.",
        "",
        "| part of the executor | share | µs per run |",
        "|---|---|---|",
        *(f"| {part} | {count / whole:.0%} | {count / whole * cpu:.0f} |" for part, count in parts.most_common()),
        "",
        "The functions at the top, without what they call:",
        "",
        *(f"- {name}: {count / whole:.1%}" for name, count in functions.most_common(_LINES)),
    ]
    return "\n".join(lines)


def main() -> None:
    stage = Stage()
    try:
        with tempfile.TemporaryDirectory() as folder:
            text = uvloop.run(measure(stage, Path(_engine.PROFILE or folder)))
    finally:
        stage.stop()
    print(f"{RUNS:,} runs\n{text}", flush=True)
    if place := os.environ.get("BENCH_SATURATION"):
        Path(place).write_text(text + "\n")


if __name__ == "__main__":
    main()
