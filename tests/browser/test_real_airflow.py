"""A real Airflow, registered in a real browser: its changes are seen there in time, and the switch really pauses."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from shared.testing.airflow import AirflowPart
from shared.testing.tower import Tower
from shared.testing.wait import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SEEN_WITHIN = 10.0
"""Seconds from a change in Airflow to its being seen in the browser."""


@pytest.fixture(scope="module", params=[2, 3], ids=["airflow 2.11", "airflow 3.3"])
async def airflow(request: pytest.FixtureRequest) -> AsyncIterator[AirflowPart]:
    part = await asyncio.to_thread(AirflowPart, request.param)
    await asyncio.to_thread(part.start)
    await part.dag_known("ok_three")
    yield part
    await asyncio.to_thread(part.kill)


async def test_it_is_registered_seen_live_and_paused_by_its_pages(airflow: AirflowPart, tower: Tower, chromium: Browser) -> None:
    client = await tower.sign_in()
    context = await chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    await context.add_cookies([{"name": item.name, "value": item.value or "", "url": tower.gateway_url} for item in client.cookies.jar])
    page = await context.new_page()

    await _register(page, tower, airflow)
    await expect(page.locator("#head .chip")).to_have_text("Healthy", timeout=60_000)
    cluster_url = page.url
    await page.goto(cluster_url.replace("/clusters/", "/dags/") + "ok_three/")
    await eventually(lambda: _is_there(page), within=60, every=1, about="the DAG's page is there")

    dag_run_id = await airflow.trigger("ok_three")
    began = time.monotonic()
    await expect(page.locator("main")).to_contain_text(dag_run_id, timeout=SEEN_WITHIN * 1000)
    assert time.monotonic() - began < SEEN_WITHIN

    async def over() -> bool:
        return await airflow.run_state("ok_three", dag_run_id) == "success"

    await eventually(over, within=180, every=0.3, about="Airflow finishes the run")
    ended = time.monotonic()
    row = page.locator("tr, [data-key]").filter(has_text=dag_run_id).first
    await expect(row).to_contain_text("Success", timeout=SEEN_WITHIN * 1000)
    assert time.monotonic() - ended < SEEN_WITHIN

    await page.get_by_role("switch").first.click()

    async def paused() -> bool:
        async with airflow.client() as independent:
            return bool((await independent.get("/dags/ok_three")).json()["is_paused"])

    await eventually(paused, within=30, about="Airflow itself says that the DAG is paused")
    await expect(page.get_by_role("switch").first).to_have_attribute("aria-label", re.compile(r"is paused$"), timeout=20_000)
    await context.close()
    await client.aclose()


async def _register(page: Page, tower: Tower, airflow: AirflowPart) -> None:
    await page.goto(f"{tower.gateway_url}/clusters/add/")
    await page.get_by_label("Name", exact=True).fill(f"seen-{airflow.major}")
    await page.get_by_label("Address of Airflow").fill(airflow.base_url)
    await page.get_by_label("User", exact=False).first.fill(airflow.username)
    await page.get_by_label("Password or token").fill(airflow.password)
    await page.get_by_role("button", name="Test the connection").click()
    await expect(page.locator("#test-result [data-kind=connection-test]")).to_contain_text(f"{airflow.major}.", timeout=40_000)
    await page.get_by_role("button", name="Add the cluster").click()
    await expect(page.get_by_role("heading", name=f"seen-{airflow.major}")).to_be_visible()


async def _is_there(page: Page) -> bool:
    """Whether the DAG's page is there; until the first sweep of its DAGs it is not found, so it is asked for again."""
    if await page.get_by_role("switch").count():
        return True
    await page.reload()
    return False
