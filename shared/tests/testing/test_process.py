"""A part's process is started, waited for and ended for sure."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from shared.testing.process import PartFailed, PartProcess, find_program
from shared.testing.wait import StillNot, eventually

FAMILY = "import subprocess, sys, time; subprocess.Popen(['sleep', '300'], start_new_session=True); time.sleep(300)"

SESSION = f"""
import sys, time
from shared.testing.process import PartProcess, scratch_folder
folder = scratch_folder("killed")
part = PartProcess("family", [sys.executable, "-c", {FAMILY!r}], folder=folder)
part.start(lambda: True, within=5)
print(part.pid, folder, flush=True)
time.sleep(300)
"""


def family(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def test_stop_ends_descendants_in_sessions_of_their_own(tmp_path: Path) -> None:
    part = PartProcess("family", [sys.executable, "-c", FAMILY], folder=tmp_path)
    part.start(lambda: True, within=5)
    await eventually(lambda: len(family(part.pid)) == 2)
    members = family(part.pid)
    part.stop()
    assert not part.running
    await eventually(lambda: not any(alive(member) for member in members))


async def test_a_session_killed_by_9_leaves_nothing_behind() -> None:
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    session = subprocess.Popen([sys.executable, "-c", SESSION], stdout=subprocess.PIPE, env=env, text=True)
    assert session.stdout is not None
    with session.stdout:
        pid, folder = session.stdout.readline().split()
    await eventually(lambda: len(family(int(pid))) == 2)
    members = family(int(pid))
    os.kill(session.pid, signal.SIGKILL)
    session.wait()
    await eventually(lambda: not any(alive(member) for member in members))
    await eventually(lambda: not Path(folder).exists())


def test_a_part_that_ends_at_its_start_tells_its_log(tmp_path: Path) -> None:
    part = PartProcess("broken", ["sh", "-c", "echo no such setting; exit 3"], folder=tmp_path)
    with pytest.raises(PartFailed, match=r"(?s)broken ended with code 3.*no such setting"):
        part.start(lambda: False, within=5)


def test_a_part_that_is_never_ready_is_ended_and_tells_its_log(tmp_path: Path) -> None:
    part = PartProcess("idle", ["sh", "-c", "echo loading; sleep 300"], folder=tmp_path)
    began = time.monotonic()
    with pytest.raises(PartFailed, match=r"(?s)idle was not ready within 1 s.*loading"):
        part.start(lambda: False, within=1)
    assert time.monotonic() - began < 10
    assert not part.running


def test_a_missing_program_names_its_package() -> None:
    with pytest.raises(PartFailed, match="apt-get install -y --no-install-recommends rabbitmq-server"):
        find_program("no-such-broker", package="rabbitmq-server")


async def test_waiting_in_vain_tells_what_was_seen_last() -> None:
    def door() -> bool:
        raise ValueError("closed")

    with pytest.raises(StillNot, match=r"still not: the door is open; last seen: ValueError\('closed'\)"):
        await eventually(door, within=0.2, about="the door is open")
