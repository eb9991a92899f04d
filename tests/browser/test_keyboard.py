"""Everything by keyboard alone."""

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Route

from shared.testing.wait import eventually

if TYPE_CHECKING:
    from conftest import Site

pytestmark = pytest.mark.browser


async def test_the_first_tab_skips_to_the_page(site: "Site") -> None:
    async with site.open("overview") as page:
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip-link"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"


async def test_control_k_and_slash_find(site: "Site") -> None:
    async with site.open("dags") as page:
        for keys in ("Control+k", "/"):
            await page.evaluate("document.activeElement.blur()")
            await page.keyboard.press(keys)
            assert await page.evaluate("document.activeElement.name") == "q"
            await page.keyboard.press("Escape")
        assert await page.evaluate("document.activeElement === document.body")


async def test_j_and_k_go_from_row_to_row_with_a_visible_focus(site: "Site") -> None:
    async with site.open("dags") as page:
        await page.keyboard.press("j")
        first = await page.evaluate("document.activeElement.textContent")
        await page.keyboard.press("j")
        second = await page.evaluate("document.activeElement.textContent")
        await page.keyboard.press("k")
        assert first == "orders_hourly"
        assert second == "daily_ledger"
        assert await page.evaluate("document.activeElement.textContent") == first
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


async def test_the_pause_switch_is_pressed_and_says_what_was_asked(site: "Site") -> None:
    async with site.open("dags") as page:
        site.site.posted.clear()
        switch = page.get_by_role("switch").first
        await switch.focus()
        await page.keyboard.press("Space")
        await page.get_by_text("Asked. Airflow confirms it").wait_for()
        path, form = site.site.posted[0]
        assert path == "/dags/marketing/orders_hourly/pause/"
        assert form["paused"] == "true"
        assert form["csrf_token"] == "the-form-token"


async def test_what_is_dangerous_asks_once_and_can_be_left(site: "Site") -> None:
    async with site.open("run") as page:
        site.site.posted.clear()
        cancel = page.get_by_role("button", name="Cancel", exact=True)
        await cancel.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("Cancel this run of order-processing?").wait_for()
        assert await page.evaluate("document.activeElement.dataset.answer") == "no"
        await page.keyboard.press("Enter")
        await dialog.wait_for(state="hidden")
        assert site.site.posted == []
        await cancel.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.get_by_text("Asked. Airflow confirms it").wait_for()
        assert [path for path, _ in site.site.posted] == ["/runs/r7/cancel/"]


async def test_a_run_is_paused_with_a_reason_and_retried_by_its_menu(site: "Site") -> None:
    async with site.open("run") as page:
        site.site.posted.clear()
        await page.get_by_role("button", name="Pause", exact=True).focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("Nothing more starts.").wait_for()
        await dialog.get_by_label("Why").focus()
        await page.keyboard.type("the target is being repaired")
        await page.keyboard.press("Enter")
        await page.get_by_text("Asked. Airflow confirms it").wait_for()
        ((path, form),) = site.site.posted
        assert (path, form["reason"]) == ("/runs/r7/pause/", "the target is being repaired")
        # Another question after this one asks for no reason of the one before.
        await page.get_by_role("button", name="Cancel", exact=True).focus()
        await page.keyboard.press("Enter")
        assert await dialog.get_by_label("Why").input_value() == ""
    async with site.open("run-retry") as page:
        site.site.posted.clear()
        await page.get_by_label("This component").focus()
        await page.keyboard.press("ArrowDown")
        await page.wait_for_url("**component=OrderQueue**")
        await page.locator("#preview:not([aria-busy])").wait_for()
        await page.get_by_text("Edit the inputs").focus()
        await page.keyboard.press("Enter")
        inputs = page.get_by_label("Inputs for what runs again")
        assert await inputs.input_value() == '{"day": "2026-11-22"}'
        await inputs.fill('{"day": "2026-11-23"}')
        await page.get_by_role("button", name="Run it again").focus()
        async with page.expect_response("**/runs/r7/retry/"):
            await page.keyboard.press("Enter")
        ((path, form),) = site.site.posted
        assert path == "/runs/r7/retry/"
        assert (form["menu"], form["scope"], form["expected_seq"]) == ("1", "slice", "41")
        assert form["inputs"] == '{"day": "2026-11-23"}'


async def test_a_retry_is_not_sent_before_its_preview_is_that_of_the_choice(site: "Site") -> None:
    async with site.open("run-retry") as page:
        site.site.posted.clear()
        held: list[Route] = []

        async def hold(route: Route) -> None:
            """Keep the first two answers back."""
            if len(held) < 2:
                held.append(route)
            else:
                await route.continue_()

        await page.route("**/p/run-retry?*part=preview*", hold)
        run_it = page.get_by_role("button", name="Run it again")
        for key in ("ArrowDown", "ArrowUp"):
            await page.get_by_label("This component").focus()
            await page.keyboard.press(key)
        await run_it.press("Enter")
        await page.get_by_text("The preview is not yet that of your choice.").wait_for()
        assert site.site.posted == []
        # The answer to the first choice comes after the second was made: it is not taken for one to that.
        await eventually(lambda: len(held) == 1, within=10)
        await held[0].continue_()
        await eventually(lambda: len(held) == 2, within=10)
        assert await page.locator("#preview").get_attribute("aria-busy") == "true"
        await held[1].continue_()
        await page.locator("#preview:not([aria-busy])").wait_for()
        async with page.expect_response("**/runs/r7/retry/"):
            await run_it.press("Enter")
        assert [path for path, _ in site.site.posted] == ["/runs/r7/retry/"]


async def test_the_graph_is_walked_and_picked_by_keyboard(site: "Site") -> None:
    async with site.open("run") as page:
        node = page.locator('.svelte-flow__node[data-id="OrderTopic"]')
        assert "Succeeded" in (await node.get_attribute("aria-label") or "")
        await node.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/runs/r7/?component=OrderTopic*")


async def test_tabs_move_by_arrow_keys(site: "Site") -> None:
    async with site.open("run") as page:
        await page.get_by_role("tab", name="Time line").focus()
        await page.keyboard.press("ArrowRight")
        assert await page.get_by_role("tabpanel").get_attribute("id") == "attempts"
        assert await page.get_by_text("tried again").is_visible()
        await page.keyboard.press("ArrowRight")
        assert await page.get_by_role("tabpanel").get_attribute("id") == "messages"
        assert await page.get_by_text("OrderTopic → OrderQueue").is_visible()


async def test_the_menu_of_the_person_closes_on_escape(site: "Site") -> None:
    async with site.open("overview") as page:
        await page.locator("#person-button").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("menuitem", name="Account").wait_for()
        await page.keyboard.press("Escape")
        await page.get_by_role("menuitem", name="Account").wait_for(state="hidden")
        assert await page.evaluate("document.activeElement.id") == "person-button"


async def test_the_menu_of_a_narrow_screen_opens_and_closes(site: "Site") -> None:
    async with site.open("overview", width=390, height=844) as page:
        link = page.get_by_role("link", name="Workflows")
        assert not await link.is_visible()
        await page.get_by_role("button", name="Menu").focus()
        await page.keyboard.press("Enter")
        await link.wait_for()
        await page.keyboard.press("Escape")
        await link.wait_for(state="hidden")


async def test_j_goes_from_change_to_change_of_two_versions(site: "Site") -> None:
    async with site.open("compare") as page:
        seen = []
        for _ in range(3):
            await page.keyboard.press("j")
            seen.append(await page.evaluate("document.activeElement.closest('tr').innerText"))
        assert "Replays orders" in seen[0]
        assert "timeout: 2h" in seen[1]
        assert "orders-eu" in seen[2]
        assert await page.locator(".diff td.removed .visually-hidden").first.text_content() == "removed "
