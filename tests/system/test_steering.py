"""What people ask of runs, through the public API, checked at the far end: which calls came again, under which key, and which did not."""

import json
from typing import Any

import pytest

from shared.runtime.ids import new_id
from shared.testing.orders import component
from shared.testing.receiver import Receiver
from shared.testing.tower import Api
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected


class Line:
    """A workflow of four calls, one after the other, each to a path of its own."""

    def __init__(self, api: Api, receiver: Receiver) -> None:
        self.api, self.receiver = api, receiver
        self.word = new_id()[-8:]
        self.name = f"line-{self.word}"

    def yaml(self, third: str = "C", retry: str = "{strategy: fixed, every: 1h, attempts: 2}") -> str:
        paths = {"A": "A", "B": "B", "C": third, "D": "D"}
        lines = [
            f"  {name}: {{kind: service, endpoint: {self.name}, path: /{self.word}/{path}, deliver: once, retry: {retry}}}"
            for name, path in paths.items()
        ]
        joined = [f"  - {{from: {a}, to: {b}, kind: processing}}" for a, b in ("AB", "BC", "CD")]
        inputs = ["inputs:", "  order: {type: string}", "  day: {type: integer, default: 1}", "business_key: inputs.order"]
        return "\n".join([f"workflow: {self.name}", *inputs, "components:", *lines, "connections:", *joined, ""])

    async def publish(self, **more: str) -> dict[str, Any]:
        await self.api.endpoint(self.name, "service", {"base_url": self.receiver.base_url})
        return await self.api.workflow(self.yaml(**more))

    async def start(self, order: str) -> str:
        return await self.api.start(self.name, order=f"{order}-{self.word}")

    async def whole(self, order: str) -> dict[str, Any]:
        """Start a run and see it succeed."""
        run = await self.api.ended(await self.start(order))
        assert run["status"] == "succeeded", run
        return run

    def called(self, run_id: str) -> list[str]:
        """Return what was called for a run, in order: the path and the generation that the key names."""
        found = []
        for call in self.receiver.calls():
            run, _, place = call.headers.get("idempotency-key", "").partition(":")
            if run == run_id:
                found.append(f"{call.path.rpartition('/')[2]}{place.rpartition(':')[2]}")
        return found

    def told(self, run_id: str) -> dict[str, Any]:
        """Return what the last call for a run was told."""
        bodies = [json.loads(call.body) for call in self.receiver.calls() if call.headers["idempotency-key"].startswith(run_id)]
        return dict(bodies[-1])

    async def status(self, run_id: str, wanted: str) -> dict[str, Any]:
        async def there() -> dict[str, Any] | None:
            run = await self.api.run(run_id)
            assert run["status"] == wanted, f"{run_id} is {run['status']}"
            return run

        return await eventually(there, within=30, about=f"the run is {wanted}") or {}

    async def again(self, run_id: str, wish: dict[str, Any]) -> dict[str, Any]:
        """Retry as the preview says that it would be, and return the run when it has succeeded once more."""
        asked = {"component": wish["components"], "scope": wish["scope"]} | {key: wish[key] for key in ("until", "version") if key in wish}
        shown = await self.api.get(f"/api/runs/{run_id}/retry/preview/", **asked)
        assert shown["may"], shown
        before = await self.api.run(run_id)
        await self.api.post(f"/api/runs/{run_id}/retry/", wish | {"expected_seq": shown["seq"]})

        async def over() -> dict[str, Any] | None:
            run = await self.api.run(run_id)
            return run if run["seq"] > before["seq"] and run["status"] == "succeeded" else None

        run = await eventually(over, within=30, about=f"{wish} is done") or {}
        now = {item["component"]: item["generation"] for item in run["components"]}
        assert {name: now[name] for name in shown["again"]} == shown["again"], "what ran again is what was previewed"
        for name in shown["stays"]:
            assert component(run, name) == component(before, name), f"{name} was to stay as it is"
        return run


@pytest.fixture
def line(api: Api, receiver: Receiver) -> Line:
    receiver.clear()
    return Line(api, receiver)


async def test_a_paused_run_starts_nothing_and_a_planned_attempt_comes_when_it_is_asked_for(line: Line, receiver: Receiver) -> None:
    await line.publish()
    receiver.hold()
    try:
        run_id = await line.start("paused")
        await eventually(lambda: line.called(run_id) == ["A1"], within=30, about="the first call is under way")
        await line.api.post(f"/api/runs/{run_id}/pause/", {"reason": "the far end is being repaired"})
        paused = await line.status(run_id, "paused")
        assert (paused["paused_by"], paused["pause_reason"]) == ("ada", "the far end is being repaired")
    finally:
        receiver.release()

    async def ended() -> bool:
        return bool(component(await line.api.run(run_id), "A")["status"] == "succeeded")

    await eventually(ended, within=30, about="what was under way ends")
    receiver.fail(1, 503, path=f"/{line.word}/B")
    # Another run goes the whole way meanwhile: had the paused one not been held, it would have gone on, too. It takes the 503 as well.
    other = await line.start("other")
    await line.status(other, "waiting")
    assert line.called(run_id) == ["A1"], "in a pause nothing starts"
    await line.api.post(f"/api/runs/{other}/retry_now/", {"component": "B"})
    assert (await line.api.ended(other))["status"] == "succeeded"
    assert line.called(other) == ["A1", "B1", "B1", "C1", "D1"], "the planned attempt came an hour early, under the same key"
    assert line.called(run_id) == ["A1"], "in a pause nothing starts"
    await line.api.post(f"/api/runs/{run_id}/resume/", {"reason": "it stands again"})
    assert (await line.api.ended(run_id))["status"] == "succeeded"
    assert line.called(run_id) == ["A1", "B1", "C1", "D1"]

    async def found(**wanted: Any) -> list[str]:
        return [item["event"] for item in (await line.api.get(f"/api/runs/{run_id}/events/", **wanted))["items"]]

    assert await found(q="being repaired") == ["run.paused"]
    assert await found(q="it stands again") == ["run.resumed"]
    assert await found(q="no such words") == []
    assert await found(component="B") == ["attempt.started", "component.finished"]
    refused = (await line.api.get(f"/api/runs/{other}/events/", q="HttpStatus:503"))["items"]
    assert [(item["event"], item["body"]["component"]) for item in refused] == [("attempt.failed", "B")]
    for words, runs in ((f"paused-{line.word}", {run_id}), (line.word, {run_id, other}), (f"nobody-{line.word}", set())):
        listed = (await line.api.get("/api/runs/", q=words))["items"]
        assert {item["id"] for item in listed} == runs, f"runs found by “{words}”"
    assert (await line.api.run(run_id))["business_key"] == f"paused-{line.word}"


async def test_a_retry_calls_what_the_preview_says_and_nothing_else(line: Line) -> None:
    published = await line.publish()
    first = await line.whole("first")
    run_id = first["id"]
    assert line.called(run_id) == ["A1", "B1", "C1", "D1"]
    await line.again(run_id, {"components": ["C"], "scope": "following"})
    assert line.called(run_id)[4:] == ["C2", "D2"], "it and what follows"
    await line.again(run_id, {"components": ["A"], "scope": "slice", "until": "B"})
    assert line.called(run_id)[6:] == ["A2", "B2"], "from one to the other"
    stale = await line.api.client.post(f"/api/runs/{run_id}/retry/", json={"components": ["D"], "expected_seq": first["seq"]})
    assert stale.status_code == 409, stale.text
    put = await line.api.client.put(
        f"/api/workflows/{published['id']}/", json={"yaml": line.yaml(third="Other")}, headers={"If-Match": "*"}
    )
    assert (put.status_code, put.json()["version"]) == (200, 2), put.text
    wrong = await line.api.client.post(f"/api/runs/{run_id}/retry/", json={"components": ["C"], "version": 2, "inputs": {"day": "today"}})
    assert wrong.status_code == 422, wrong.text
    edited = {"order": f"first-{line.word}", "day": 2}
    run = await line.again(run_id, {"components": ["C"], "scope": "only", "version": 2, "inputs": edited, "reason": "another day"})
    assert line.called(run_id)[8:] == ["Other3"], "one component, in the other version"
    assert line.told(run_id)["inputs"] == edited
    assert (run["version"], run["inputs"]) == (2, edited)
    reopened = (await line.api.get(f"/api/runs/{run_id}/events/", q="run.reopened"))["items"]
    assert [item["body"]["again"] for item in reopened] == [{"C": 2, "D": 2}, {"A": 2, "B": 2}, {"C": 3}]

    second = await line.whole("second")
    compared = await line.api.get("/api/runs/compare/", a=run_id, b=second["id"])
    assert [(compared[side]["id"], compared[side]["version"]) for side in "ab"] == [(run_id, 2), (second["id"], 2)]
    inputs = {place["path"]: (place["a"], place["b"], place["same"]) for place in compared["inputs"]}
    assert inputs == {"day": ("2", "1", False), "order": (f'"first-{line.word}"', f'"second-{line.word}"', False)}
    attempts = {item["component"]: (item["attempts_a"], item["attempts_b"]) for item in compared["components"]}
    assert attempts == {"A": (2, 1), "B": (2, 1), "C": (3, 1), "D": (2, 1)}
    assert all(item["same"] for item in compared["components"])


async def test_a_bulk_retry_calls_again_what_failed_in_each_run_and_nothing_else(line: Line, receiver: Receiver) -> None:
    await line.publish()
    good = (await line.whole("good"))["id"]
    receiver.fail(4, 400, path=f"/{line.word}/B")
    failed = [await line.start(f"bad-{number}") for number in range(4)]
    for run_id in failed:
        assert (await line.api.ended(run_id))["status"] == "failed"
        assert line.called(run_id) == ["A1", "B1"]
    wish = {"selection": {"workflow": line.name, "status": "failed,succeeded"}, "per_second": 20, "reason": "the far end takes them now"}
    shown = await line.api.post("/api/runs/bulk/preview/", wish)
    assert (shown["total"], shown["by_failure"]) == (4, {"HttpStatus:400": 4})
    assert sum(shown["excluded"].values()) == 1, shown["excluded"]
    receiver.fail(1, 400, path=f"/{line.word}/B")
    bulk_id = (await line.api.post("/api/runs/bulk/", wish))["bulk_id"]

    async def counts(job: str, wanted: dict[str, int]) -> bool:
        found = await line.api.get(f"/api/runs/bulk/{job}/")
        assert (found["status"], found["counts"]) == ("done", wanted)
        return True

    await eventually(lambda: counts(bulk_id, {"succeeded": 3, "failed_again": 1}), within=30, about="each run of the job has ended")
    ends = {tuple(line.called(run_id)[2:]) for run_id in failed}
    assert ends == {("B2", "C2", "D2"), ("B2",)}, "what had succeeded is not called again"
    (worst,) = (run_id for run_id in failed if line.called(run_id)[2:] == ["B2"])
    items = (await line.api.get(f"/api/runs/bulk/{bulk_id}/items/", status="failed_again"))["items"]
    assert [item["run_id"] for item in items] == [worst]
    second = (await line.api.post(f"/api/runs/bulk/{bulk_id}/retry_failures/"))["bulk_id"]
    await eventually(lambda: counts(second, {"succeeded": 1}), within=30, about="the failures of the job are done")
    assert line.called(worst)[3:] == ["B3", "C3", "D3"]
    assert line.called(good) == ["A1", "B1", "C1", "D1"], "a run that had succeeded is no part of it"
