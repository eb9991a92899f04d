"""The real thing: PostgreSQL and Kafka by the same code as `make up`, in a state folder of their own."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from flowtower_local import jars, preflight, readiness, settings, strays, tower
from flowtower_local.places import ROOT, Places
from flowtower_local.postgres import Postgres, postmaster_pid
from flowtower_local.programs import Program
from flowtower_local.progress import step
from flowtower_local.settings import LocalSettings
from flowtower_local.supervision import ProgramState, Supervisor
from shared.testing.ports import free_ports
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected


@pytest.fixture(scope="module")
def fetched_jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jars")
    if (already := Places().jars).is_dir():
        shutil.copytree(already, folder, dirs_exist_ok=True)
    jars.fetch(folder)
    return folder


@pytest.fixture
def places(fetched_jars: Path) -> Iterator[Places]:
    # Not below pytest's own folder: that one is closed, and PostgreSQL runs as somebody else where we are root.
    state = Path(tempfile.mkdtemp(prefix="flowtower-local-"))
    made = Places(root=ROOT, state=state)
    made.make()
    shutil.copytree(fetched_jars, made.jars)
    yield made
    if Supervisor(made).is_alive():
        Supervisor(made).shut_down()
    strays.end(state, postmaster=postmaster_pid(made.postgres))
    shutil.rmtree(state)


@pytest.fixture
def chosen(tmp_path: Path) -> LocalSettings:
    names = ("FLOWTOWER_KAFKA_PORT", "FLOWTOWER_KAFKA_CONTROLLER_PORT", "FLOWTOWER_POSTGRES_PORT", "FLOWTOWER_PORT")
    ports = free_ports(len(names))
    return settings.read(tmp_path, {name: str(port) for name, port in zip(names, ports, strict=True)})


def up(places: Places, chosen: LocalSettings) -> tuple[tower.Line, list[str]]:
    with step("This machine") as running:
        preflight.check(places, chosen, running)
    line = tower.prepare_parts(places, chosen)
    return line, tower.start(places, chosen, line)


async def sql(line: tower.Line, statement: str) -> object:
    connection = await asyncpg.connect(line.database_url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def by_name(places: Places) -> dict[str, ProgramState]:
    return {one.name: one for one in Supervisor(places).states()}


def test_up_again_heals_what_a_killed_supervisor_left_and_keeps_the_data(places: Places, chosen: LocalSettings) -> None:
    line, touched = up(places, chosen)
    assert touched == ["postgres", "kafka"]
    asyncio.run(sql(line, "create table kept as select 42 as answer"))
    assert readiness.ask_kafka(line.kafka) is None

    # A second time: nothing is restarted, and it is quick.
    before = {name: one.pid for name, one in by_name(places).items()}
    begun = time.monotonic()
    assert up(places, chosen)[1] == []
    assert time.monotonic() - begun < 15
    assert {name: one.pid for name, one in by_name(places).items()} == before

    # The supervisor dies the hard way: its children go on without it, hold the ports, and the next start ends them.
    supervisor = int((places.supervisor / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    eventually_gone(supervisor)
    assert set(before.values()) <= {one.pid for one in strays.find(places.state)}
    line, touched = up(places, chosen)
    assert touched == ["postgres", "kafka"]
    after = {name: one.pid for name, one in by_name(places).items()}
    assert set(after.values()).isdisjoint(before.values())
    assert asyncio.run(sql(line, "select answer from kept")) == 42


def eventually_gone(pid: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not Path(f"/proc/{pid}").exists() or "(supervisord) Z" in Path(f"/proc/{pid}/stat").read_text():
            return
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    pytest.fail(f"{pid} is still there")


async def test_a_killed_part_is_started_again(places: Places, chosen: LocalSettings) -> None:
    line, _ = await asyncio.to_thread(up, places, chosen)
    first = by_name(places)["postgres"].pid
    os.kill(first, signal.SIGKILL)

    async def answers_again() -> bool:
        if by_name(places)["postgres"].pid in {0, first}:
            return False
        try:
            return await sql(line, "select 7") == 7
        except (OSError, asyncpg.PostgresError):
            return False

    await eventually(answers_again, within=20)


def test_everything_ends_and_only_with_the_password_does_the_database_open(places: Places, chosen: LocalSettings) -> None:
    line, _ = up(places, chosen)
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asyncpg.connect(line.database_url.replace("flowtower:", "flowtower:not"), ssl=False))
    supervisor = Supervisor(places)
    supervisor.shut_down()
    until = time.monotonic() + 30
    while supervisor.is_alive() and time.monotonic() < until:
        time.sleep(0.1)
    assert strays.end(places.state, patience_seconds=10) == [] or strays.find(places.state) == []
    log = (places.logs / "postgres.log").read_text()
    assert "database system is shut down" in log
    assert readiness.ask_kafka(line.kafka) is not None


async def test_below_a_closed_folder_postgres_runs_without_opening_it() -> None:
    closed = Path(tempfile.mkdtemp(prefix="flowtower-closed-"))
    try:
        (port,) = free_ports(1)
        postgres = Postgres.at(closed / "postgres", port, fast=True)
        assert postgres.runner.account is None  # nobody else can pass here, so it is us, without privileges
        postgres.prepare()
        with (closed / "log").open("wb") as log:
            server = await asyncio.to_thread(lambda: subprocess.Popen(postgres.command(), stdout=log, stderr=log, cwd="/"))
            try:
                await eventually(postgres.is_ready, within=30)
                connection = await asyncpg.connect(postgres.url())
                assert await connection.fetchval("select 1") == 1
                await connection.close()
            finally:
                server.send_signal(signal.SIGINT)
                assert await asyncio.to_thread(server.wait, 30) == 0
        assert closed.stat().st_mode & 0o077 == 0
    finally:
        shutil.rmtree(closed)


def test_a_changed_part_is_restarted_and_one_that_left_is_ended(places: Places) -> None:
    """With two sleeping programs, one of which needs a moment to stop: what `make up` does after `make demo`."""
    slow = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), sys.exit())); time.sleep(600)"
    environment = {strays.MARK: str(places.state)}
    programs = [
        Program("same", ["sleep", "600"], environment, priority=1),
        Program("changed", [sys.executable, "-c", slow], environment, priority=2),
        Program("leaves", [sys.executable, "-c", slow], environment, priority=3),
    ]
    supervisor = Supervisor(places)
    supervisor.write_configuration(programs)
    supervisor.start()
    until = time.monotonic() + 30
    while not all(one.is_running for one in supervisor.states()) and time.monotonic() < until:
        time.sleep(0.2)
    before = {name: one.pid for name, one in by_name(places).items()}
    supervisor.write_configuration([programs[0], replace(programs[1], environment={**environment, "NEW": "1"})])
    assert sorted(supervisor.update()) == ["changed", "leaves"]
    after = {name: one.pid for name, one in by_name(places).items()}
    assert after.keys() == {"same", "changed"}
    assert after["same"] == before["same"]
    assert after["changed"] != before["changed"]
    assert not Path(f"/proc/{before['leaves']}").exists()
