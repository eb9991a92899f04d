"""Durable runs of three trivial steps beside what others make of the same: DBOS always, Restate and Temporal where they are installed.

Everybody works on this machine in turns; DBOS and Temporal keep their state in the same PostgreSQL. A peer lives in an environment of
its own (``make bench`` makes it from ``benchmarks/peers.txt``). What is not installed is named with the recipe, and never counts as beaten.
"""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import uvloop

from benchmarks._engine import ROUNDS, RUNS, Driver, Stage
from benchmarks._figures import load, medians, note, quantile
from benchmarks._restate import restate
from benchmarks._temporal import NAMESPACE, programs, temporal

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".flowtower" / "peers"
PYTHON = PEERS / "bin" / "python"
RESTATE = PEERS / "node" / "node_modules" / ".bin" / "restate-server"
TEMPORAL = PEERS / "temporal"
PEER_RUNS = int(os.environ.get("BENCH_PEER_RUNS", "600"))
IN_FLIGHT = 50
LIMIT_SECONDS = 240
DBOS_BAR, RESTATE_BAR, TEMPORAL_BAR = 100, 30, 300


def told(script: str, *words: object) -> dict[str, dict[str, float]]:
    """Return way → what one round of a peer's script printed of it: its rate, its CPU per run."""
    command = [str(PYTHON), str(ROOT / "benchmarks" / script), *map(str, words)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"{script} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return {each["way"]: each for each in map(json.loads, filter(lambda line: line.startswith("{"), done.stdout.splitlines()))}


async def measure(stage: Stage) -> None:
    driver = Driver(stage)
    await driver.start()
    await driver.throughput(RUNS // 2)  # warms up
    url = await asyncio.to_thread(stage.postgres.fresh_database)
    rounds = []
    for number in range(1, ROUNDS + 1):
        rate, cpu = await driver.throughput(RUNS // 2)
        peer = await asyncio.to_thread(told, "_dbos_peer.py", url, PEER_RUNS, IN_FLIGHT)
        best = max(peer.values(), key=lambda each: each["rate"])
        rounds.append((rate / best["rate"], rate, cpu, best["rate"], best["cpu"], peer["called"]["rate"], peer["queued"]["rate"]))
        print(f"round {number}: {rate:.0f} runs/s; DBOS called {rounds[-1][5]:.0f}, queued {rounds[-1][6]:.0f}; load {load()}", flush=True)
    ratio, rate, cpu, best_rate, best_cpu, *_ = medians(rounds)
    note(
        "peers",
        "durable runs/s, 3 components, beside DBOS",
        f"{ratio:.0f} × ({rate:.0f} runs/s, {cpu:.0f} µs CPU per run)",
        bar=f"≥ {DBOS_BAR} ×",
        reached=ratio >= DBOS_BAR,
        beside=f"DBOS 3.4 at its better way, {IN_FLIGHT} in flight: {best_rate:.0f}/s, {best_cpu:.0f} µs",
    )
    await driver.stop()


async def beside_restate(stage: Stage, server: Path) -> None:
    """Measure both in turns, and Restate with one run in flight."""
    driver = Driver(stage)
    await driver.start()
    rounds, idle = [], []
    with restate(server, PYTHON) as peer:
        await peer.runs(PEER_RUNS, IN_FLIGHT)  # warms up
        for number in range(1, ROUNDS + 1):
            rate, cpu = await driver.throughput(RUNS // 2)
            _, other, spent = await peer.runs(PEER_RUNS * 2, IN_FLIGHT * 2)
            took, _, _ = await peer.runs(PEER_RUNS // 3, 1)
            idle += took
            rounds.append((rate / other, rate, cpu, other, spent))
            print(f"round {number}: {rate:.0f} runs/s; Restate {other:.0f}; load {load()}", flush=True)
    ratio, rate, cpu, other, spent = medians(rounds)
    note(
        "peers",
        "durable runs/s, 3 components, beside Restate",
        f"{ratio:.0f} × ({rate:.0f} runs/s, {cpu:.0f} µs CPU per run)",
        bar=f"≥ {RESTATE_BAR} ×",
        reached=ratio >= RESTATE_BAR,
        beside=f"Restate's server and a Python worker, {IN_FLIGHT * 2} in flight: {other:.0f}/s, {spent:.0f} µs; "
        f"1 in flight p50 {quantile(idle, 0.5) * 1e3:.1f}, p99 {quantile(idle, 0.99) * 1e3:.1f} ms",
    )
    await driver.stop()


async def beside_temporal(stage: Stage, server: str, tool: str) -> None:
    """Measure both in turns; Temporal with activities and with local activities, each also with one run in flight."""
    driver = Driver(stage)
    await driver.start()
    await driver.throughput(RUNS // 2)  # warms up
    rounds = []
    with temporal(server, tool, stage.postgres) as peer:
        words = (peer.address, NAMESPACE, peer.pid, PEER_RUNS, IN_FLIGHT * 2)
        for number in range(1, ROUNDS + 1):
            rate, cpu = await driver.throughput(RUNS // 2)
            ways = await asyncio.to_thread(told, "_temporal_peer.py", *words)
            best = max(ways.values(), key=lambda each: each["rate"])
            both = (ways["activities"]["rate"], ways["local activities"]["rate"])
            rounds.append((rate / best["rate"], rate, cpu, best["cpu"], best["server"], best["p50"], best["p99"], *both))
            rates = f"activities {both[0]:.0f}, local activities {both[1]:.0f}"
            print(f"round {number}: {rate:.0f} runs/s; Temporal with {rates}; load {load()}", flush=True)
    ratio, rate, cpu, own, served, p50, p99, activities, local = medians(rounds)
    note(
        "peers",
        "durable runs/s, 3 components, beside Temporal on PostgreSQL",
        f"{ratio:.0f} × ({rate:.0f} runs/s, {cpu:.0f} µs CPU per run)",
        bar=f"≥ {TEMPORAL_BAR} ×",
        reached=ratio >= TEMPORAL_BAR,
        beside=f"Temporal's server and a Python worker, {IN_FLIGHT * 2} in flight: activities {activities:.0f}/s, local {local:.0f}/s; "
        f"the better: {own + served:.0f} µs, {served:.0f} of them the server's; 1 in flight p50 {p50:.1f}, p99 {p99:.1f} ms",
    )
    await driver.stop()


def missing(name: str, bar: int) -> None:
    """Name a peer that is not here."""
    note("peers", f"durable runs/s beside {name}", "not installed", bar=f"≥ {bar} ×", beside="the recipe in benchmarks/README.md")


def main() -> None:
    if not PYTHON.exists():
        raise SystemExit("DBOS is not installed; `make bench-peers` makes its environment from benchmarks/peers.txt")
    stage = Stage()
    try:
        uvloop.run(measure(stage))
        server = RESTATE if RESTATE.exists() else shutil.which("restate-server")
        if server:
            uvloop.run(beside_restate(stage, Path(server)))
        else:
            missing("Restate", RESTATE_BAR)
        if found := programs(TEMPORAL):
            uvloop.run(beside_temporal(stage, *found))
        else:
            missing("Temporal on PostgreSQL", TEMPORAL_BAR)
    finally:
        stage.stop()


if __name__ == "__main__":
    main()
