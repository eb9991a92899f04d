"""Runs past their time leave the read model, with everything that is told of them."""

from pathlib import Path

import pytest

import gateway
from gateway.adapters.read_model.retention import finished_runs
from gateway.settings import Settings
from shared.runtime.database import Database
from shared.runtime.retention import Retention
from shared.testing.postgres import PostgresPart

_TABLES = ("runs", "run_components", "run_attempts", "run_events")


async def test_finished_runs_go_after_their_days_and_take_along_what_is_theirs(postgres: PostgresPart, tmp_path: Path) -> None:
    settings = Settings(kafka="127.0.0.1:1", database_url=postgres.fresh_database(), keys_dir=tmp_path)  # type: ignore[arg-type]
    database = Database(settings, "gateway", Path(gateway.__file__).parent / "migrations")
    await database.start()
    try:
        async with database.connection() as connection:
            for run, age in (("old", "91 days"), ("young", "89 days"), ("runs", None)):
                await connection.execute(
                    "INSERT INTO runs (run_id, workflow_id, workflow, status, inputs, requested_by, trigger, asked_at, finished_at,"
                    " message, seq, gaps, updated_at)"
                    " VALUES ($1, 'w', 'w', 'x', '{}', '', '', now(), now() - $2::text::interval, '', 1, 0, now())",
                    run,
                    age,
                )
                await connection.execute(
                    "INSERT INTO run_components (run_id, component, generation, attempt, status, output, message, host)"
                    " VALUES ($1, 'A', 1, 1, 'x', '{}', '', '')",
                    run,
                )
                await connection.execute(
                    "INSERT INTO run_attempts (run_id, component, generation, attempt, status, host) VALUES ($1, 'A', 1, 1, 'x', '')", run
                )
                for seq in (1, 2):
                    await connection.execute(
                        "INSERT INTO run_events (run_id, seq, event, at, body) VALUES ($1, $2, 'x', now(), '{}')", run, seq
                    )
        removed = await Retention(database, "0", finished_runs(90)).look()
        assert removed == {"runs": 1, "run_events": 2}
        async with database.connection() as connection:
            for table in _TABLES:
                left = {row[0] for row in await connection.fetch(f"SELECT run_id FROM {table}")}
                assert left == {"young", "runs"}, table
    finally:
        await database.stop()


@pytest.mark.parametrize("days", [0, -1])
def test_nothing_is_kept_for_no_time_at_all(days: float) -> None:
    with pytest.raises(ValueError, match="gateway_keep_days"):
        Settings(gateway_keep_days=days)
