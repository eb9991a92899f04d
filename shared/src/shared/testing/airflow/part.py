"""A running Airflow: web server or API server, scheduler, DAG processor and triggerer."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx

from shared.testing.airflow.environment import Major, installed, prepared_home, process_environment, settings
from shared.testing.checkout import checkout
from shared.testing.ports import free_port
from shared.testing.process import PartFailed, PartProcess, scratch_folder
from shared.testing.wait import eventually, wait_until

READY_WITHIN = 240.0

COMMANDS: dict[Major, dict[str, list[str]]] = {
    2: {
        "webserver": ["webserver"],
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
    },
    3: {
        "api-server": ["api-server"],
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
    },
}


class AirflowPart:
    """One cluster of a test session, with the DAGs of ``deploy/airflow/dags``; more may be put into `dags_folder`."""

    username = "admin"
    password = "admin"

    def __init__(self, major: Major) -> None:
        self.major = major
        self.folder = scratch_folder(f"airflow{major}")
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.api_url = f"{self.base_url}/api/v{major - 1}"
        programs = installed(major)
        home = self.folder / "home"
        shutil.copytree(prepared_home(major, programs), home)
        self.dags_folder = home / "dags"
        shutil.copytree(checkout() / "deploy" / "airflow" / "dags", self.dags_folder, dirs_exist_ok=True)
        (home / "passwords.json").write_text(json.dumps({"admin": "admin", "op": "op", "viewer": "viewer"}))
        env = process_environment(programs, settings(major, home, self.port))
        self._parts = {
            name: PartProcess(name, [programs / "airflow", *words], folder=self.folder, env=env) for name, words in COMMANDS[major].items()
        }

    def start(self) -> None:
        """Start all of it and wait until the scheduler's heartbeat is healthy; blocks (in async code: to_thread)."""
        began = datetime.now(UTC)
        for part in self._parts.values():
            part.launch()
        self._await_healthy(began)

    def stop(self) -> None:
        """End everything, the scheduler first; the database and its runs stay for the next `start`."""
        names = sorted(self._parts, key=lambda name: name != "scheduler")
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: self._parts[name].stop(), names))

    def kill(self) -> None:
        for part in self._parts.values():
            part.kill()

    def stop_scheduler(self) -> None:
        self._parts["scheduler"].stop()

    def kill_scheduler(self) -> None:
        """End the scheduler without a farewell: Airflow itself notices only by the missing heartbeat."""
        self._parts["scheduler"].kill()

    def start_scheduler(self) -> None:
        began = datetime.now(UTC)
        self._parts["scheduler"].launch()
        self._await_healthy(began)

    def client(self, username: str = "admin", password: str | None = None) -> httpx.AsyncClient:
        """Return a client of the API (paths are relative to /api/v1 or /api/v2), signed in. Blocks for a moment."""
        word = username if password is None else password
        options: dict[str, Any] = {"base_url": self.api_url, "trust_env": False, "timeout": 30}
        if self.major == 2:
            return httpx.AsyncClient(auth=(username, word), **options)
        body = {"username": username, "password": word}
        token = httpx.post(f"{self.base_url}/auth/token", json=body, trust_env=False, timeout=30)
        token.raise_for_status()
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        return httpx.AsyncClient(headers=headers, **options)

    async def dag_known(self, dag_id: str, *, within: float = 120) -> None:
        """Wait until a DAG has been parsed: a cluster that says it is healthy may not have read its files yet."""
        async with self.client() as client:

            async def known() -> bool:
                return (await client.get(f"/dags/{dag_id}")).status_code == 200

            await eventually(known, within=within, every=0.5, about=f"DAG {dag_id} in Airflow {self.major}")

    async def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run of a DAG and return its id."""
        body: dict[str, Any] = {"conf": conf or {}}
        if self.major == 3:
            body["logical_date"] = None
        async with self.client() as client:
            answer = await client.post(f"/dags/{dag_id}/dagRuns", json=body)
            answer.raise_for_status()
            return str(answer.json()["dag_run_id"])

    async def run_state(self, dag_id: str, dag_run_id: str) -> str:
        async with self.client() as client:
            answer = await client.get(f"/dags/{dag_id}/dagRuns/{dag_run_id}")
            answer.raise_for_status()
            return str(answer.json()["state"])

    def _await_healthy(self, began: datetime) -> None:
        ended: list[PartProcess] = []

        def settled() -> bool:
            ended.extend(part for part in self._parts.values() if part.exit_code is not None)
            return bool(ended) or self._healthy(began)

        if wait_until(settled, within=READY_WITHIN, every=0.5) and not ended:
            return
        logs = "\n".join(f"--- {part.name}\n{part.log_tail()}" for part in ended or self._parts.values())
        self.kill()
        what = "ended at its start" if ended else f"was not healthy within {READY_WITHIN:g} s"
        raise PartFailed(f"Airflow {self.major} {what}; the logs end:\n{logs}")

    def _healthy(self, began: datetime) -> bool:
        """Tell whether the scheduler has beaten since `began`; the last beat of one that is gone does not count."""
        path = "/health" if self.major == 2 else "/monitor/health"
        try:
            answer = httpx.get(self.api_url + path, trust_env=False, timeout=5)
            scheduler = answer.json()["scheduler"]
            beat = datetime.fromisoformat(scheduler["latest_scheduler_heartbeat"])
            return bool(scheduler["status"] == "healthy") and beat > began
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False
