"""The whole way in a browser, over the real services: come in, connect, write, run, and see it live."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Browser, Page, expect

from shared.testing.receiver import Receiver
from shared.testing.tower import Tower
from shared.testing.tower.part import FIRST

if TYPE_CHECKING:
    from conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.connected]

YAML = """workflow: ring-in-the-browser
description: Rings a bell once
components:
  Bell: {kind: service, endpoint: browser-bell, path: /ring, deliver: once}
"""


class Visitor:
    """A person with a browser; everything that the console complains about is kept."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(f"{page.url}: {said.text}") if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    async def go(self, path: str) -> None:
        answer = await self.page.goto(self.base + path)
        assert answer is not None
        assert answer.status == 200, f"{path} answered {answer.status}"


@pytest.fixture(scope="module")
async def visitor(tower: Tower, chromium: Browser) -> AsyncIterator[Visitor]:
    """Give somebody who came in by the pages: by the set-up link where nobody is there yet, else by name and password."""
    context = await chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = await context.new_page()
    visitor = Visitor(page, tower.gateway_url)
    link = tower.setup_link()
    if link is not None:
        await page.goto(link)
        await page.get_by_label("User name").fill(FIRST.name)
        await page.get_by_label("Email").fill(FIRST.email)
        await page.get_by_label("Password").fill("short")
        # The browser refuses what is too short; the gateway must do so too.
        await page.evaluate("document.querySelector('form').noValidate = true")
        await page.get_by_role("button", name="Make the user and sign in").click()
        await page.get_by_text("Nothing was saved yet.").wait_for()
        visitor.complaints.clear()  # the browser itself reports the 422
        await page.get_by_label("Password").fill(FIRST.password)
        await page.get_by_role("button", name="Make the user and sign in").click()
    else:
        await page.goto(f"{tower.gateway_url}/sign-in/")
        await page.get_by_label("User name").fill(FIRST.name)
        await page.get_by_label("Password").fill(FIRST.password)
        await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(f"{tower.gateway_url}/")
    yield visitor
    await context.close()


async def test_who_is_not_signed_in_is_led_back_after_signing_in(tower: Tower, visitor: Visitor, chromium: Browser) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{tower.gateway_url}/clusters/?state=unknown")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.get_by_label("User name").fill(FIRST.name)
    await page.get_by_label("Password").fill("wrong, and long enough")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_text("The name or the password is wrong.").wait_for()
    await page.get_by_label("Password").fill(FIRST.password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(f"{tower.gateway_url}/clusters/?state=unknown")
    await context.close()


async def test_a_cluster_that_does_not_answer_is_unknown_and_never_healthy(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.go("/clusters/add/")
    await page.get_by_label("Name", exact=True).fill("nobody-home")
    await page.get_by_label("Address of Airflow").fill("ftp://127.0.0.1")
    await page.get_by_label("User", exact=False).first.fill("flowtower")
    await page.get_by_label("Password or token").fill("secret")
    await page.get_by_role("button", name="Add the cluster").click()
    await page.get_by_text("Nothing was saved yet.").wait_for()
    assert await page.get_by_label("Password or token").input_value() == ""
    visitor.complaints.clear()
    await page.get_by_label("Address of Airflow").fill("http://127.0.0.1:9")
    await page.get_by_label("Password or token").fill("secret")
    await page.get_by_role("button", name="Test the connection").click()
    await page.locator("#test-result [data-kind=connection-test]").wait_for(timeout=40000)
    await page.get_by_role("button", name="Add the cluster").click()
    await expect(page.get_by_role("heading", name="nobody-home")).to_be_visible()
    await page.get_by_text("is registered").wait_for()
    await expect(page.locator("#head .chip")).to_have_text("Unknown")
    await expect(page.locator("main .tone-ok.chip")).to_have_count(0)


async def test_a_workflow_is_written_checked_and_run_live(visitor: Visitor, receiver: Receiver) -> None:
    page = visitor.page
    receiver.clear()
    await visitor.go("/endpoints/add/?kind=service")
    await page.get_by_label("Name", exact=True).fill("browser-bell")
    await page.locator('[name="options.base_url"]').fill(receiver.base_url)
    await page.get_by_role("button", name="Add the endpoint").click()
    await expect(page.get_by_role("heading", name="browser-bell")).to_be_visible()

    await visitor.go("/workflows/add/")
    await page.locator(".cm-content").click()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(YAML.replace("browser-bell", "browser-bel"))
    await page.locator("#findings").get_by_text("browser-bel").first.wait_for()
    await page.locator(".cm-content").click()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(YAML)
    await page.get_by_text("Valid: 1 components").wait_for()
    await page.locator(".svelte-flow__node", has_text="Bell").wait_for()
    await page.get_by_role("button", name="Save as version 1").click()
    await expect(page.get_by_role("heading", name="ring-in-the-browser")).to_be_visible()

    await page.get_by_role("link", name="Run", exact=True).click()
    await page.get_by_role("button", name="Start version 1").click()
    await page.wait_for_url("**/runs/*/")
    await page.evaluate("window.kept = true")
    await page.locator("#head .chip", has_text="Succeeded").wait_for(timeout=60000)
    await page.locator(".svelte-flow__node .node.tone-ok").wait_for()
    assert await page.evaluate("window.kept"), "the page was loaded again instead of being updated in place"
    assert len(receiver.calls("/ring")) == 1


async def test_every_page_opens_sound(visitor: Visitor, site: "Site") -> None:
    visitor.complaints.clear()
    for path in (
        *("/", "/clusters/", "/clusters/add/", "/dags/", "/endpoints/", "/endpoints/add/?kind=kafka", "/endpoints/add/?kind=mq"),
        *("/workflows/", "/workflows/add/", "/runs/", "/alerts/", "/alerts/rules/", "/alerts/rules/add/", "/alerts/channels/"),
        *("/alerts/channels/add/?kind=slack", "/alerts/channels/add/?kind=email", "/account/", "/search/?q=ring"),
    ):
        await visitor.go(path)
        await expect(visitor.page.get_by_text("Live", exact=True)).to_be_visible()
        assert await site.findings(visitor.page) == [], path
    assert visitor.complaints == []


async def test_what_is_not_there_is_said_as_a_page(visitor: Visitor) -> None:
    for path in ("/nowhere/", "/clusters/0192f3aa-7c00-7000-8000-000000000000/", "/runs/0192f3aa-7c00-7000-8000-000000000000/"):
        answer = await visitor.page.goto(visitor.base + path)
        assert answer is not None
        assert answer.status == 404
        await expect(visitor.page.locator("[data-kind=error]")).to_be_visible()
    visitor.complaints.clear()
