"""The list of runs and its search with 1,000,000 finished and 100,000 waiting runs, beside the same with 10,000; the bar is p95 ≤ 200 ms.

The reads are the gateway's own, over a real PostgreSQL with the schema as the migrations make it. Rows are made by SQL statements,
not by events: what is measured is reading. ``FLOWTOWER_BENCH_RUNS`` asks for another size.
"""

import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from benchmarks._figures import note
from gateway.adapters.read_model.reading import SqlReadModel
from gateway.application.ports.read_model import RunFilter
from gateway.main import database_of
from gateway.settings import Settings
from shared.runtime.database import Database
from shared.testing.postgres import PostgresPart

RUNS = int(os.environ.get("FLOWTOWER_BENCH_RUNS", "1100000"))
SMALL = 10_000
ROUNDS = 40
BAR_MS = 200.0
WORKFLOWS = 40
END = datetime(2026, 1, 31, tzinfo=UTC)
_RANDOM = random.Random(4711)

# One in eleven waits, one in 25 of the rest failed; states, workflows and triggers are spread over all times.
_RUNS = """
INSERT INTO runs (run_id, workflow_id, workflow, version, status, inputs, requested_by, trigger, trigger_kind, business_key,
                  asked_at, started_at, finished_at, message, seq, gaps, updated_at, paused_by, pause_reason, priority, queued)
SELECT lpad(to_hex(n), 12, '0') || '-7000-8000-' || md5(n::text), 'wf-' || n % $3, 'workflow-' || n % $3, 1 + n % 5,
       CASE WHEN n % 11 = 0 THEN 'waiting' WHEN n % 25 = 1 THEN 'failed' WHEN n % 97 = 2 THEN 'cancelled' WHEN n % 997 = 3 THEN 'parked'
            ELSE 'succeeded' END,
       jsonb_build_object('order', jsonb_build_object('id', n, 'shop', 'shop-' || n % 200), 'day', '2026-01-' || (1 + n % 28)),
       'ada', t.kind || CASE WHEN t.kind = 'api' THEN '' ELSE ':nightly' END, t.kind, 'order-' || n,
       t.at, t.at + interval '0.1 s', CASE WHEN n % 11 = 0 THEN NULL ELSE t.at + interval '9 s' END, '', 9, 0, now(), '', '', 5, false
FROM generate_series($1::int, $2::int) AS n, LATERAL (
    SELECT (ARRAY['api', 'kafka', 'schedule', 'dag'])[1 + n % 4] AS kind, $4::timestamptz - make_interval(secs => ($5 - n) * 2.0) AS at
) AS t
"""
_WORDS = """
INSERT INTO run_words (run_id, asked_at, words)
SELECT run_id, asked_at, business_key || E'\\n' || run_id || E'\\n' || inputs::text FROM runs
WHERE run_id NOT IN (SELECT run_id FROM run_words)
"""
_COMPONENTS = """
INSERT INTO run_components (run_id, component, generation, attempt, status, output, message, host, why)
SELECT run_id, part, 1, 1, CASE WHEN part = 'C' THEN replace(runs.status, 'waiting', 'retrying') ELSE 'succeeded' END,
       '{}', '', 'executor-1', ''
FROM runs, unnest(ARRAY['A', 'B', 'C']) AS part ON CONFLICT DO NOTHING
"""
_WORKFLOWS = """
INSERT INTO workflows (id, name, description, latest, retired, created_at, updated_at, updated_by)
SELECT 'wf-' || n, 'workflow-' || n, '', 5, false, now(), now(), 'ada' FROM generate_series(0, $1::int - 1) AS n ON CONFLICT DO NOTHING
"""


async def fill(database: Database, first: int, last: int) -> float:
    """Make runs; the trigrams are indexed in the end, as nobody searches meanwhile. Returns the seconds."""
    began = time.monotonic()
    async with database.connection() as connection:
        await connection.execute("SET statement_timeout = 0; SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        definition = await connection.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = 'run_words_like'")
        await connection.execute("DROP INDEX run_words_like")
        await connection.execute(_WORKFLOWS, WORKFLOWS, timeout=600)
        await connection.execute(_RUNS, first, last, WORKFLOWS, END, RUNS, timeout=600)
        for statement in (_WORDS, _COMPONENTS, definition, "VACUUM ANALYZE runs, run_words, run_components"):
            await connection.execute(statement, timeout=600)
        await connection.execute("RESET ALL")
    return time.monotonic() - began


def asks(reads: SqlReadModel, runs: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return what is measured: name → one question with other values each time."""

    def some() -> int:
        return _RANDOM.randint(RUNS - runs + 1, RUNS)

    def listed(**wanted: object) -> Awaitable[object]:
        return reads.runs(RunFilter(**wanted), after=None, limit=50)  # type: ignore[arg-type]

    async def deep() -> None:
        after = None
        for _ in range(3):
            after = (await reads.runs(RunFilter(), after=after, limit=50)).next

    def workflow() -> str:
        return f"workflow-{some() % WORKFLOWS}"

    def hour() -> Awaitable[object]:
        begin = END - timedelta(seconds=(RUNS - some()) * 2.0)
        return listed(since=begin, until=begin + timedelta(hours=1))

    return {
        "newest": listed,
        "three pages on": deep,
        "of a workflow": lambda: listed(workflow=workflow()),
        "failed or parked": lambda: listed(status="failed,parked"),
        "failed of a workflow": lambda: listed(workflow=workflow(), status="failed"),
        "by trigger, three states": lambda: listed(trigger="schedule", status="failed,waiting,cancelled"),
        "of one hour": hour,
        "counts by state": lambda: reads.count_runs(RunFilter()),
        "counts of a workflow": lambda: reads.count_runs(RunFilter(workflow=workflow())),
        "counts by trigger": lambda: reads.count_runs(RunFilter(trigger="kafka")),
        "search: a business key": lambda: listed(words=f"order-{some()}"),
        "search: an input": lambda: listed(words=f'"id": {some()}'),
        "search: end of an id": lambda: listed(words=f"{_RANDOM.getrandbits(32):08x}"),
        "search: in every run": lambda: listed(words="shop"),
        "search: in one of 200": lambda: listed(words=f'"shop-{some() % 200}"'),
        "search: failed, one of 200": lambda: listed(words=f'"shop-{some() % 200}"', status="failed", workflow=workflow()),
        "search: nowhere": lambda: listed(words="no such order"),
    }


async def measured(reads: SqlReadModel, runs: int) -> dict[str, list[float]]:
    """Return the milliseconds of each question, asked in turns."""
    table = asks(reads, runs)
    times: dict[str, list[float]] = {name: [] for name in table}
    for number in range(ROUNDS + 2):
        for name, ask in table.items():
            began = time.perf_counter()
            await ask()
            if number >= 2:
                times[name].append((time.perf_counter() - began) * 1000)
    return times


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95) - 1]


async def run() -> None:
    postgres = PostgresPart()
    postgres.start()
    database = database_of(Settings(kafka="127.0.0.1:1", database_url=postgres.fresh_database()))  # type: ignore[arg-type]
    try:
        await database.start()
        reads = SqlReadModel(database)
        await fill(database, RUNS - SMALL + 1, RUNS)
        small = await measured(reads, SMALL)
        seconds = await fill(database, 1, RUNS - SMALL)
        large = await measured(reads, RUNS)
    finally:
        await database.stop()
        postgres.stop()
    print(f"{RUNS:,} runs (one in eleven waits), filled in {seconds:.0f} s; {ROUNDS} questions of each kind, in turns")
    print(f"{'page':28} {'p50 ms':>8} {'p95 ms':>8} {f'p95 of {SMALL:,}':>14} {'ratio':>7}   bar: p95 ≤ {BAR_MS:.0f} ms")
    for name, values in large.items():
        before, after = _p95(small[name]), _p95(values)
        verdict = "" if after <= BAR_MS else "   over the bar"
        print(f"{name:28} {statistics.median(values):8.1f} {after:8.1f} {before:14.1f} {after / before:7.1f}{verdict}")
    slowest = max(large, key=lambda name: _p95(large[name]))
    most, over = _p95(large[slowest]), [name for name, values in large.items() if _p95(values) > BAR_MS]
    note(
        "history_pages",
        f"lists, counts and searches over {RUNS:,} runs ({len(large)} questions)",
        f"p95 of the slowest {most:.0f} ms ({slowest}); {len(over)} over the bar",
        bar=f"p95 ≤ {BAR_MS:.0f} ms",
        reached=not over,
        beside=f"the same with {SMALL:,} runs: {_p95(small[slowest]):.0f} ms",
    )


def main() -> None:
    """Measure and print a table."""
    asyncio.run(run())


if __name__ == "__main__":
    main()
