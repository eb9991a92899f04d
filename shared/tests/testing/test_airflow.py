import asyncio
from typing import Any

import httpx
import pytest

from shared.testing.airflow import AirflowPart
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.airflow, pytest.mark.timeout(900)]


@pytest.fixture(params=["airflow2", "airflow3"])
def airflow(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


async def test_a_run_really_runs(airflow: AirflowPart) -> None:
    await airflow.dag_known("ok_three")
    run = await airflow.trigger("ok_three")

    async def succeeded() -> bool:
        state = await airflow.run_state("ok_three", run)
        assert state != "failed"
        return state == "success"

    await eventually(succeeded, within=120, every=0.5)
    async with airflow.client() as client:
        version = (await client.get("/version")).json()["version"]
    assert version.startswith({2: "2.11.", 3: "3.3."}[airflow.major])


async def test_a_viewer_may_read_and_not_trigger(airflow: AirflowPart) -> None:
    await airflow.dag_known("ok_three")
    async with airflow.client("viewer") as viewer:
        assert (await viewer.get("/dags")).status_code == 200
        body = {"conf": {}} if airflow.major == 2 else {"conf": {}, "logical_date": None}
        assert (await viewer.post("/dags/ok_three/dagRuns", json=body)).status_code == 403
    async with httpx.AsyncClient(base_url=airflow.api_url, trust_env=False) as anonymous:
        assert (await anonymous.get("/dags")).status_code == {2: 403, 3: 401}[airflow.major]


async def test_the_scheduler_stops_and_starts_alone(airflow: AirflowPart) -> None:
    await asyncio.to_thread(airflow.stop_scheduler)
    async with airflow.client() as client:
        assert (await client.get("/dags")).status_code == 200
    await asyncio.to_thread(airflow.start_scheduler)
