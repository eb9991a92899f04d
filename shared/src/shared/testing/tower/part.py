"""The four services as processes on free ports, each to be killed, stopped and started by itself."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from shared.testing.checkout import checkout
from shared.testing.collector import Collector
from shared.testing.kafka import KafkaPart
from shared.testing.ports import free_ports
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartFailed, PartProcess, scratch_folder
from shared.testing.tower.people import Browser, Person, set_up, sign_in
from shared.testing.wait import eventually, wait_until

SERVICES = ("gateway", "cluster-poller", "executor", "alerter")
READY_WITHIN = 180.0
UI = checkout() / "services" / "ui"
FIRST = Person()


class Tower:
    """Flowtower, running. One database of its own; the session's Kafka."""

    def __init__(self, kafka: KafkaPart, postgres: PostgresPart, keys: Path, *, collector: Collector | None = None) -> None:
        self.kafka = kafka
        self.postgres = postgres
        self.database_url = postgres.fresh_database()
        self.folder = scratch_folder("tower")
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        self.gateway_url = self.urls["gateway"]
        self.env = self._environment(keys, collector)
        self._processes: dict[str, PartProcess] = {}
        self._has_user = False

    def _environment(self, keys: Path, collector: Collector | None) -> dict[str, str]:
        """Return what all services share. Everything that a test talks to is on loopback, so egress to it is allowed."""
        sources = [checkout() / "shared" / "src", *(checkout() / "services" / name / "src" for name in SERVICES)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLOWTOWER_")}
        return inherited | {
            "PYTHONPATH": os.pathsep.join(str(source) for source in sources),
            "PYTHONUNBUFFERED": "1",
            "FLOWTOWER_KAFKA": self.kafka.bootstrap,
            "FLOWTOWER_DATABASE_URL": self.database_url,
            "FLOWTOWER_HOST": "127.0.0.1",
            "FLOWTOWER_KEYS_DIR": str(keys),
            "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8",
            "FLOWTOWER_LOG_LEVEL": "INFO",
            "FLOWTOWER_OTLP_ENDPOINT": "" if collector is None else collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "FLOWTOWER_UI_DIR": str(UI),
            "FLOWTOWER_PUBLIC_URL": self.gateway_url,
            "FLOWTOWER_GATEWAY_URL": self.gateway_url,
            "FLOWTOWER_POLLER_URL": self.urls["cluster-poller"],
            "FLOWTOWER_EXECUTOR_URL": self.urls["executor"],
            "FLOWTOWER_ALERTER_URL": self.urls["alerter"],
        }

    # Its life.

    def start_all(self) -> None:
        """Start the four services together and wait until each is ready; blocks (in async code: asyncio.to_thread)."""
        if not (UI / "dist").is_dir():
            raise PartFailed("the front end has not been built; build it with: .flowtower/venv/bin/python deploy/test/build_ui.py")
        for name in SERVICES:
            self._launch(name, {})
        for name in SERVICES:
            self.await_ready(name)

    def start(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """Start one service, with more environment if given (FLOWTOWER_FAILPOINTS, …), and wait until it is ready."""
        self._launch(name, env or {})
        self.await_ready(name)

    def stop(self, name: str) -> None:
        """Stop one service as a deployment would (SIGTERM)."""
        self.process(name).stop()

    def kill(self, name: str) -> None:
        """End one service with SIGKILL."""
        self.process(name).kill()

    def stop_all(self) -> None:
        for process in self._processes.values():
            process.kill()

    def process(self, name: str) -> PartProcess:
        if name not in self._processes:
            raise PartFailed(f"{name} has not been started; there are {', '.join(SERVICES)}")
        return self._processes[name]

    def _launch(self, name: str, env: Mapping[str, str]) -> None:
        if name not in self.ports:
            raise PartFailed(f"there is no service {name}; there are {', '.join(SERVICES)}")
        command = [sys.executable, "-m", name.replace("-", "_")]
        own = {"FLOWTOWER_PORT": str(self.ports[name]), "FLOWTOWER_INSTANCE": "0"}
        self._processes[name] = PartProcess(name, command, folder=self.folder, env=self.env | own | dict(env), stop_within=40)
        self._processes[name].launch()

    def await_ready(self, name: str, within: float = READY_WITHIN) -> None:
        """Block until a service says that it is ready; fail with its reasons and its log when it does not."""
        process = self.process(name)
        seen: list[str] = []

        def settled() -> bool:
            ready, reason = self._readiness(name)
            seen.append(reason)
            return ready or not process.running

        if not wait_until(settled, within=within, every=0.1) or not process.running:
            how = f"ended with code {process.exit_code}" if not process.running else f"says: {seen[-1]}"
            tail = process.log_tail()
            raise PartFailed(f"{name} is not ready after {within:g} s; it {how}; its log ends:\n{tail}")

    def _readiness(self, name: str) -> tuple[bool, str]:
        try:
            answer = httpx.get(f"{self.urls[name]}/readyz", trust_env=False, timeout=5)
        except httpx.HTTPError as error:
            return False, repr(error)
        return answer.status_code == 200, answer.text

    async def readiness(self, name: str) -> dict[str, Any]:
        """Return what a service's /readyz says, ready or not."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            answer: dict[str, Any] = (await client.get(f"{self.urls[name]}/readyz")).json()
            return answer

    # People.

    def setup_link(self) -> str | None:
        """Return a fresh one-time link for the first user, made as `make up` makes it; None once a user exists."""
        made = subprocess.run(
            [sys.executable, "-m", "gateway", "setup-link"],
            env=self.env | {"FLOWTOWER_PORT": str(self.ports["gateway"])},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if made.returncode == 3:
            return None
        if made.returncode != 0:
            raise PartFailed(f"the set-up link could not be made (code {made.returncode}):\n{made.stderr[-2000:]}")
        return made.stdout.strip().splitlines()[-1]

    def anonymous(self) -> httpx.AsyncClient:
        """Return a client of the gateway that nobody has signed in with. It keeps cookies and follows redirects."""
        headers = {"Origin": self.gateway_url, "User-Agent": "flowtower-tests"}
        return Browser(base_url=self.gateway_url, headers=headers, trust_env=False, timeout=30, follow_redirects=True)

    async def sign_in(self, person: Person = FIRST) -> httpx.AsyncClient:
        """Return a signed-in client; the first call also makes the first user. The caller closes it."""
        client = self.anonymous()
        try:
            if not self._has_user and (link := await asyncio.to_thread(self.setup_link)) is not None:
                await set_up(client, link, FIRST)
            self._has_user = True
            await sign_in(client, person)
        except BaseException:
            await client.aclose()
            raise
        return client

    async def eventually_ready(self, name: str, *, within: float = READY_WITHIN) -> None:
        """Wait without blocking the event loop until a service is ready.

        Raises:
            PartFailed: Its process ended meanwhile.
            AssertionError: It was not ready `within` seconds. Both messages hold the end of its log.
        """
        process = self.process(name)

        async def settled() -> bool:
            return not process.running or bool((await self.readiness(name))["ready"])

        try:
            await eventually(settled, within=within, about=f"{name} is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}; its log ends:\n{process.log_tail()}") from error
        if not process.running:
            raise PartFailed(f"{name} ended with code {process.exit_code}; its log ends:\n{process.log_tail()}")
