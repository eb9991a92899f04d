"""A fresh copy of the repository, and the commands of the README: up, again, status, logs, down, and up after accidents."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from shared.testing.ports import free_ports

pytestmark = [pytest.mark.connected, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(".git", ".flowtower", "node_modules", "dist", "__pycache__", "*_cache", ".env")
PORTS = (
    "FLOWTOWER_PORT",
    "FLOWTOWER_POLLER_PORT",
    "FLOWTOWER_EXECUTOR_PORT",
    "FLOWTOWER_ALERTER_PORT",
    "FLOWTOWER_KAFKA_PORT",
    "FLOWTOWER_KAFKA_CONTROLLER_PORT",
    "FLOWTOWER_POSTGRES_PORT",
    "FLOWTOWER_DEMO_AIRFLOW_2_PORT",
    "FLOWTOWER_DEMO_AIRFLOW_3_PORT",
    "FLOWTOWER_DEMO_ORDERS_PORT",
    "FLOWTOWER_DEMO_RABBITMQ_PORT",
    "FLOWTOWER_DEMO_RABBITMQ_PEER_PORT",
    "FLOWTOWER_DEMO_RABBITMQ_MAPPER_PORT",
)


@dataclass(frozen=True)
class Checkout:
    """A copy of the repository with ports of its own."""

    folder: Path
    environment: dict[str, str]

    def make(self, *words: str, ok: bool = True, **more: str) -> str:
        """Run make and return all that it printed."""
        done = subprocess.run(
            ["make", "--no-print-directory", *words], cwd=self.folder, env=self.environment | more,
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert (done.returncode == 0) is ok, said
        return said

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['FLOWTOWER_PORT']}"

    def pids(self) -> dict[str, str]:
        """Part → process, as the running supervisor's own children."""
        supervisor = (self.folder / ".flowtower" / "supervisor" / "supervisord.pid").read_text().strip()
        listed = subprocess.run(["ps", "--ppid", supervisor, "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
        return {line.split(None, 1)[1]: line.split(None, 1)[0] for line in listed.splitlines()}


@pytest.fixture(scope="module")
def checkout() -> Iterator[Checkout]:
    # Not below pytest's own folder: that one is closed, and PostgreSQL runs as somebody else where we are root.
    folder = Path(tempfile.mkdtemp(prefix="flowtower-copy-"))
    folder.chmod(0o755)
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED, dirs_exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWTOWER_", "PYTHON", "MAKE", "MFLAGS"))}
    environment |= {name: str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    environment |= {"FLOWTOWER_WAIT": "400"}
    made = Checkout(folder, environment)
    yield made
    made.make("down")
    shutil.rmtree(folder)


def test_a_taken_port_is_refused_before_anything_is_installed(checkout: Checkout) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(checkout.environment["FLOWTOWER_EXECUTOR_PORT"])))
        taken.listen()
        said = checkout.make("up", ok=False)
    port = checkout.environment["FLOWTOWER_EXECUTOR_PORT"]
    assert f"Port {port}, which executor needs, is taken by" in said
    assert f"(pid {os.getpid()})" in said
    assert "FLOWTOWER_EXECUTOR_PORT=" in said
    assert not (checkout.folder / ".flowtower" / "venv").exists()


def test_without_a_package_registry_it_says_so_and_what_to_set(checkout: Checkout) -> None:
    (nobody,) = free_ports(1)
    said = checkout.make("up", ok=False, PIP_INDEX_URL=f"http://127.0.0.1:{nobody}/simple", PIP_RETRIES="0", PIP_FIND_LINKS="")
    assert "No package registry answered" in said
    assert "PIP_INDEX_URL" in said


def test_up_installs_starts_waits_and_prints_a_link_that_makes_the_first_user(checkout: Checkout) -> None:
    said = checkout.make("up")
    assert f"Flowtower is ready at {checkout.url}" in said
    for part in ("postgres", "kafka", "gateway", "cluster-poller", "executor", "alerter"):
        assert re.search(rf"✓ {part} is ready", said)
    link = re.search(rf"{checkout.url}/set-up/\?token=(\S+)", said)
    assert link is not None
    with httpx.Client(base_url=checkout.url, trust_env=False, timeout=30) as client:
        assert client.get("/readyz").status_code == 200
        body = {"token": link[1], "name": "ada", "password": "a long pass phrase for ada"}
        assert client.post("/api/account/set-up/", json=body).status_code == 201
        assert client.post("/api/account/set-up/", json=body).status_code != 201


def test_a_second_up_touches_nothing(checkout: Checkout) -> None:
    before = checkout.pids()
    said = checkout.make("up")
    assert "everything runs already" in said
    assert said.count("nothing to do") >= 3
    assert "set-up/?token" not in said
    assert checkout.pids() == before


def test_status_and_logs_tell_what_runs(checkout: Checkout) -> None:
    rows = {line.split()[0]: line.split()[1] for line in checkout.make("status").splitlines()[1:]}
    assert rows == {
        "postgres": "running",
        "kafka": "running",
        "gateway": "ready",
        "cluster-poller": "ready",
        "executor": "ready",
        "alerter": "ready",
    }
    following = subprocess.Popen(
        ["make", "--no-print-directory", "logs", "SERVICE=executor"],
        cwd=checkout.folder, env=checkout.environment, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert following.stdout is not None
    try:
        assert "executor │ {" in following.stdout.readline()
    finally:
        os.killpg(following.pid, signal.SIGKILL)
        following.wait()
        following.stdout.close()
    assert "There is no log of 'nobody'" in checkout.make("logs", "SERVICE=nobody", ok=False)


def test_a_service_that_is_killed_comes_back(checkout: Checkout) -> None:
    (pid,) = [pid for words, pid in checkout.pids().items() if words.endswith("-m alerter")]
    os.kill(int(pid), signal.SIGKILL)
    checkout.make("up")
    assert pid not in checkout.pids().values()


def test_a_killed_supervisor_and_a_broken_install_are_healed_by_the_next_up(checkout: Checkout) -> None:
    state = checkout.folder / ".flowtower"
    before = checkout.pids()
    os.kill(int((state / "supervisor" / "supervisord.pid").read_text()), signal.SIGKILL)
    # The trace of an install that was cut: begun, not finished, and a package that is only half there.
    (state / "stamps" / "python-runtime-local.begun").touch()
    (package,) = (state / "venv" / "lib").glob("python3*/site-packages/fastapi")
    (package / "applications.py").unlink()
    (state / "jars" / "kafka_2.13-4.2.0.jar").write_bytes(b"cut")
    said = checkout.make("up")
    assert "processes that a killed supervisor had left behind" in said
    assert "1 fetched" in said
    after = checkout.pids()
    assert set(after.values()).isdisjoint(before.values())
    with httpx.Client(base_url=checkout.url, trust_env=False, timeout=60) as client:
        body = {"name": "ada", "password": "a long pass phrase for ada"}
        assert client.post("/api/account/sign-in/", json=body).status_code == 200  # the data are still there


def test_down_leaves_nothing_running_and_the_demo_begins_on_an_empty_tower(checkout: Checkout) -> None:
    pids = checkout.pids().values()
    assert "nothing of Flowtower runs any more" in checkout.make("down")
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    assert "Flowtower is down" in checkout.make("status", ok=False)
    # Somebody signed up, and the demo is told nothing of a token: it says what to do.
    said = checkout.make("demo", ok=False)
    assert "FLOWTOWER_DEMO_TOKEN" in said
    checkout.make("down")
    for part in ("postgres", "kafka"):
        shutil.rmtree(checkout.folder / ".flowtower" / part)


def test_the_demo_shows_life_within_a_minute(checkout: Checkout) -> None:
    said = checkout.make("demo")
    assert "Sign in as 'demo' with the password" in said
    account = json.loads((checkout.folder / ".flowtower" / "demo" / "account.json").read_text())
    headers = {"Authorization": f"Bearer {account['token']}"}
    until = time.monotonic() + 60
    seen: dict[str, bool] = {}
    with httpx.Client(base_url=checkout.url, trust_env=False, timeout=30, headers=headers) as client:
        while time.monotonic() < until and not (seen and all(seen.values())):
            clusters = client.get("/api/clusters/").json()["items"]
            runs = client.get("/api/runs/").json()["items"]
            moved = [part["transfer"]["confirmed"] for run in runs for part in run["components"] if part["transfer"]]
            seen = {
                "both clusters answered": sorted(one["name"] for one in clusters if one["state"]["health"] == "healthy")
                == ["demo-eu", "demo-us"],
                "their DAGs are there": len({one["cluster"] for one in client.get("/api/dags/?limit=200").json()["items"]}) == 2,
                "a run moved messages": max(moved, default=0) > 0,
            }
            time.sleep(1)
    assert all(seen.values()), seen
    taken = httpx.get(f"http://127.0.0.1:{checkout.environment['FLOWTOWER_DEMO_ORDERS_PORT']}/orders", trust_env=False).json()
    assert taken["taken"] > 0
