"""The YAML editor and the log viewer."""

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site

pytestmark = pytest.mark.browser

_ORDER = """() => {
  window.order = [];
  document.addEventListener("htmx:afterSwap", () => {
    window.order.push("swapped in");
    setTimeout(() => window.order.push("a timer"), 0);
  });
  document.addEventListener("htmx:afterSettle", () => window.order.push("alive"));
}"""


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


async def test_the_editor_completes_from_the_schema_of_workflows(site: "Site") -> None:
    async with site.open("workflow-edit") as page:
        content = page.locator(".cm-content")
        await content.press("Control+End")
        await page.keyboard.type("trig")
        await page.locator(".cm-tooltip-autocomplete li", has_text="triggers").wait_for()
        await page.wait_for_timeout(150)  # the editor takes no choice in the moment in which the list appears
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await page.keyboard.type("  - {kind: s")
        await page.locator(".cm-tooltip-autocomplete li", has_text="schedule").wait_for()
        await page.wait_for_timeout(150)
        await page.keyboard.press("Enter")
        text = await page.evaluate("document.querySelector('textarea[name=yaml]').value")
        assert re.search(r"\ntriggers: *\n +- \{kind: schedule\}?\s*$", text), text[-60:]
        assert site.complaints == []


async def test_a_run_is_started_from_the_dialog_by_keyboard_and_says_what_is_missing(site: "Site") -> None:
    async with site.open("workflow") as page:
        await page.evaluate(_ORDER)
        await page.get_by_role("link", name="Run", exact=True).press("Enter")
        dialog = page.locator("#start-dialog")
        await dialog.wait_for()
        assert await page.evaluate("document.activeElement.id") == "version"
        await dialog.get_by_label("limit").fill("0")
        await dialog.get_by_role("button", name="Start version 7").press("Enter")
        await dialog.get_by_text("This is needed.").wait_for()
        assert await dialog.get_by_label("day").get_attribute("aria-invalid") == "true"
        assert await page.evaluate("document.activeElement.dataset.kind") == "form-problems"
        assert await site.findings(page) == []
        await dialog.get_by_label("Version").press("ArrowDown")
        await dialog.get_by_role("button", name="Start version 6").wait_for()
        assert await page.evaluate("document.activeElement.id") == "version", "whoever chose it by keyboard goes on from there"
        await dialog.get_by_label("day").fill("2026-11-22")
        await dialog.get_by_role("button", name="Start version 6").press("Enter")
        await page.get_by_text("Asked. Airflow confirms").wait_for()
        posted = site.site.posted[-1]
        assert posted[0] == "/workflows/order-processing/start/"
        assert posted[1]["inputs.day"] == "2026-11-22"
        await page.keyboard.press("Escape")
        assert await page.evaluate("document.activeElement.textContent.trim()") == "Run"
        # A form that waits for a timer to come alive is sent by the browser itself, when somebody, or a busy machine, is quick.
        assert (await page.evaluate("window.order"))[:3] == ["swapped in", "alive", "a timer"]
        assert [item for item in site.complaints if "422" not in item] == []
