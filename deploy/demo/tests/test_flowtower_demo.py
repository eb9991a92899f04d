"""The demo's own programs: what the service answers, what the shop sells, and that its workflow is one."""

import itertools
import json
from pathlib import Path

import httpx
import pytest

from flowtower_demo import order_service, registration, traffic
from flowtower_demo.scene import VARIABLE, Queue, Scene
from gateway.domain.workflow_yaml import read
from shared.contracts.kinds import KINDS
from shared.contracts.metrics import MetricSamples
from shared.contracts.topics import METRICS_SAMPLES

SCENE = Scene(
    folder=Path("demo"),
    gateway="http://127.0.0.1:8080",
    kafka="127.0.0.1:19092",
    airflow_2="http://127.0.0.1:1",
    airflow_3="http://127.0.0.1:2",
    service="http://127.0.0.1:3",
    queue=Queue(15673, "demo", "secret"),
)


def test_the_scene_comes_back_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(**{**vars(SCENE), "folder": tmp_path / "demo"})
    file = scene.write()
    assert file.stat().st_mode & 0o077 == 0 or file.parent.stat().st_mode & 0o077 == 0
    monkeypatch.setenv(VARIABLE, str(file))
    assert Scene.read() == scene


@pytest.mark.parametrize("yaml", [registration._WITH_QUEUE, registration._WITHOUT_QUEUE])
def test_the_workflow_is_valid_and_names_registered_endpoints(yaml: str) -> None:
    reading = read(yaml, endpoints={one["name"]: one["kind"] for one in registration.endpoints(SCENE)})
    assert [problem.message for problem in reading.problems] == []
    assert reading.definition is not None


def test_the_endpoints_are_what_their_kinds_ask_for() -> None:
    endpoints = list(registration.endpoints(SCENE))
    assert endpoints
    for endpoint in endpoints:
        kind = KINDS[endpoint["kind"]]
        kind.endpoint.model_validate(endpoint["options"])
        kind.secrets.model_validate(endpoint.get("secrets", {}))


async def test_the_service_takes_an_order_once_and_is_away_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = httpx.ASGITransport(order_service.build())
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
        monkeypatch.setattr(order_service.time, "time", lambda: 1.0)
        assert (await client.post("/orders", json={"order_id": "a"})).status_code == 201
        assert (await client.post("/orders", json={"order_id": "a"})).status_code == 200
        assert (await client.post("/orders", json=["a"])).status_code == 422
        assert (await client.get("/orders")).json() == {"taken": 1, "again": 1}
        monkeypatch.setattr(order_service.time, "time", lambda: order_service.EVERY_SECONDS - 1)
        away = await client.post("/orders", json={"order_id": "b"})
        assert (away.status_code, away.headers["Retry-After"]) == (503, "5")


def test_orders_differ_and_keep_their_customer_as_key() -> None:
    some = list(itertools.islice(traffic.orders(seed=1), 200))
    assert len({order["order_id"] for _, order in some}) == 200
    assert all(order["customer"] == key for key, order in some)
    assert len(json.dumps(some[0][1])) < 300


def test_the_shops_sample_is_one_that_flowtower_takes() -> None:
    assert METRICS_SAMPLES.name == traffic.SAMPLES
    taken = METRICS_SAMPLES.decode(traffic.sample())
    assert isinstance(taken, MetricSamples)
    assert taken.source == "demo-shop"
    assert [(one.name, one.value) for one in taken.samples] == [("orders_per_second", traffic.ORDERS_PER_SECOND)]
