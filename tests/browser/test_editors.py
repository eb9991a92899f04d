"""The YAML editor and the log viewer."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site

pytestmark = pytest.mark.browser


async def test_the_editor_underlines_what_the_server_finds_and_draws_the_rest(site: "Site") -> None:
    async with site.open("workflow-edit") as page:
        await page.locator(".cm-lintRange-error").wait_for()
        assert await page.locator(".cm-lintRange-error").text_content() == "orders-mw"
        await page.get_by_role("button", name="There is no endpoint").click()
        assert await page.evaluate("document.activeElement.classList.contains('cm-content')")
        await page.locator(".svelte-flow__node").first.wait_for()
        await page.locator(".cm-content").press("Control+Home")
        await page.keyboard.type("# by hand ")
        assert (await page.evaluate("document.querySelector('textarea[name=yaml]').value")).startswith("# by hand # Replays")
        assert site.complaints == []


async def test_a_log_shows_what_is_in_sight_coloured_and_escaped(site: "Site") -> None:
    async with site.open("task-log") as page:
        await page.locator(".log .line").first.wait_for()
        assert await page.locator(".log .line").count() < 80
        assert await page.locator(".log .ansi-green-fg").first.text_content() == "connected"
        assert await page.locator(".log .line", has_text="<script>alert(1)</script>").first.is_visible()
        await page.get_by_role("searchbox", name="Search in the log").fill("undefinedtable")
        await page.get_by_text("1 of 40").wait_for()
        await page.keyboard.press("Enter")
        await page.get_by_text("2 of 40").wait_for()
        assert await page.locator(".log .current mark").text_content() == "UndefinedTable"
        assert site.complaints == []
