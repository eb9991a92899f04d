"""What tests ask of Flowtower over its public API, in the words of the tests."""

from typing import Any

import httpx

from shared.testing.wait import eventually

ENDED = {"succeeded", "failed", "cancelled", "refused"}


class Api:
    """A signed-in client with the few things that most tests do. Each raises with the answer's text when it is refused."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **parameters: Any) -> Any:
        return _body(await self.client.get(path, params=parameters))

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return _body(await self.client.post(path, json=body, **more))

    async def endpoint(self, name: str, kind: str, options: dict[str, Any], secrets: dict[str, str] | None = None) -> dict[str, Any]:
        """Register an endpoint."""
        given: dict[str, Any] = {"name": name, "kind": kind, "options": options}
        if secrets:
            given["secrets"] = secrets
        made: dict[str, Any] = await self.post("/api/endpoints/", given)
        return made

    async def workflow(self, yaml: str) -> dict[str, Any]:
        """Publish a workflow."""
        made: dict[str, Any] = await self.post("/api/workflows/", {"yaml": yaml})
        return made

    async def start(self, workflow: str, *, headers: dict[str, str] | None = None, **inputs: Any) -> str:
        """Ask for a run and return its id."""
        return str((await self.post("/api/runs/", {"workflow": workflow, "inputs": inputs}, headers=headers))["run_id"])

    async def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/api/runs/{run_id}/")
        return found

    async def runs(self, workflow: str) -> list[dict[str, Any]]:
        """Return the runs of a workflow, newest first."""
        found: list[dict[str, Any]] = (await self.get("/api/runs/", workflow=workflow))["items"]
        return found

    async def ended(self, run_id: str, *, within: float = 60) -> dict[str, Any]:
        """Wait until a run has ended, however it ended, and return it."""

        async def over() -> dict[str, Any] | None:
            found = await self.run(run_id)
            assert found["status"] in ENDED, f"{run_id} is {found['status']}: {found['components']}"
            return found

        found = await eventually(over, within=within, every=0.2, about=f"run {run_id} has ended")
        return found or {}


def _body(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise AssertionError(f"{answer.request.method} {answer.url} answered {answer.status_code}: {answer.text[:2000]}")
    return answer.json() if answer.content else None
