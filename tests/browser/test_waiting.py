"""While something is under way the page shows it, and what is pressed twice is sent once."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Page, Route

if TYPE_CHECKING:
    from conftest import Site

pytestmark = pytest.mark.browser


async def _hold(page: Page, pattern: str) -> tuple[asyncio.Event, list[str]]:
    """Let requests of a kind wait until the event is set, and note what they carry."""
    go, seen = asyncio.Event(), []

    async def wait(route: Route) -> None:
        seen.append(route.request.post_data or route.request.url)
        await go.wait()
        await route.continue_()

    await page.route(pattern, wait)
    return go, seen


@pytest.mark.parametrize(("name", "button", "url"), [("dag", "Trigger", "**/trigger/"), ("endpoint-edit", "Test it", "**/test/")])
async def test_a_double_click_is_one_wish(site: "Site", name: str, button: str, url: str) -> None:
    async with site.open(name) as page:
        go, seen = await _hold(page, url)
        press = page.locator("main").get_by_role("button", name=button, exact=True)
        await press.dblclick(force=True)
        await page.wait_for_timeout(300)
        assert await press.is_disabled()
        assert len(seen) == 1
        go.set()
        await page.locator("main").get_by_role("button", name=button, exact=True, disabled=False).wait_for()
        assert len(seen) == 1


async def test_a_form_that_stays_carries_another_key_for_the_next_wish(site: "Site") -> None:
    async with site.open("dag") as page:
        key = page.locator('#trigger input[name="once"]')
        first = await key.input_value()
        press = page.locator("#trigger").get_by_role("button", name="Trigger")
        async with page.expect_response("**/trigger/"):
            await press.click()
        await page.wait_for_function("([first]) => document.querySelector('#trigger input[name=once]').value !== first", arg=[first])
        async with page.expect_response("**/trigger/"):
            await press.click()
        keys = [fields["once"] for path, fields in site.site.posted if path.endswith("/trigger/")][-2:]
        assert keys[0] == first
        assert keys[1].startswith(f"{first}.")


async def test_a_list_that_is_asked_anew_and_a_test_show_that_they_are_under_way(site: "Site") -> None:
    async with site.open("dags") as page:
        go, seen = await _hold(page, "**/p/dags?*part=list*")
        await page.get_by_label("Find a DAG by name or owner").fill("orders")
        busy = page.locator('#list[aria-busy="true"]')
        await busy.wait_for()
        assert await busy.evaluate("element => getComputedStyle(element, '::before').height") != "auto"
        go.set()
        await page.locator("#list:not([aria-busy])").wait_for()
        assert len(seen) == 1
    async with site.open("endpoint-edit") as page:
        go, _ = await _hold(page, "**/test/")
        await page.get_by_role("button", name="Test it").click()
        await page.locator('#test-result[aria-busy="true"]').wait_for()
        go.set()
        await page.locator("#test-result:not([aria-busy])").wait_for()
