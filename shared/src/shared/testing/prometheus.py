"""A real Prometheus that scrapes what a test tells it to."""

import json
from typing import Any

import httpx

from shared.testing.ports import free_port
from shared.testing.process import PartProcess, find_program, scratch_folder


class PrometheusPart:
    """The Prometheus of a test session. Targets are read from a file that `watch` writes, so none needs a restart."""

    def __init__(self) -> None:
        self.folder = scratch_folder("prometheus")
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._targets = self.folder / "targets.json"
        self._targets.write_text("[]")
        # JSON is YAML, so no library is needed to write it.
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {
                    "job_name": "flowtower",
                    "file_sd_configs": [{"files": [str(self._targets)], "refresh_interval": "1s"}],
                }
            ],
        }
        file = self.folder / "prometheus.yml"
        file.write_text(json.dumps(configuration))
        program = find_program("prometheus", package="prometheus")
        self.process = PartProcess(
            "prometheus",
            [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
            ],
            folder=self.folder,
        )

    def start(self) -> None:
        self.process.start(self._ready, within=60)

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def watch(self, targets: dict[str, str]) -> None:
        """Scrape these and nothing else: name of a service → host:port. The name becomes the label `service`."""
        groups = [{"targets": [address], "labels": {"service": name}} for name, address in targets.items()]
        fresh = self._targets.with_suffix(".new")
        fresh.write_text(json.dumps(groups))
        fresh.replace(self._targets)

    async def targets(self) -> dict[str, dict[str, Any]]:
        """Return what Prometheus says of each target: service → its entry (`health` is up, down or unknown)."""
        answer = await self._get("/api/v1/targets", state="active")
        return {each["labels"]["service"]: each for each in answer["activeTargets"]}

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result vector of a PromQL expression now."""
        answer = await self._get("/api/v1/query", query=expression)
        result: list[dict[str, Any]] = answer["result"]
        return result

    async def _get(self, path: str, **parameters: str) -> Any:
        async with httpx.AsyncClient(base_url=self.base_url, trust_env=False, timeout=10) as client:
            answer = await client.get(path, params=parameters)
            answer.raise_for_status()
            return answer.json()["data"]

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/-/ready", trust_env=False, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False
