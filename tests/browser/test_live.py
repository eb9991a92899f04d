"""What changes shows up in place, nothing jumps, and without a socket the page says so and goes on."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sample_pages import clusters, dags, flows, overview, runs
from sample_pages.frame import NOW, state

from gateway.application.views.dags import LogLine
from gateway.application.views.parts import Trouble

if TYPE_CHECKING:
    from conftest import Site

    from gateway.application.views.parts import View

pytestmark = pytest.mark.browser


async def test_a_run_colours_live_without_a_reload(site: "Site") -> None:
    async with site.open("run") as page:
        await page.get_by_text("Live", exact=True).wait_for()
        await page.evaluate("window.kept = true")
        node = page.locator('.svelte-flow__node[data-id="OrderQueue"] .node')
        assert "tone-retry" in (await node.get_attribute("class") or "")
        graph = flows.RUN_GRAPH
        done = tuple(item.model_copy(update={"state": state("succeeded")}) for item in graph.nodes)
        site.site.changed["run"] = runs.run().model_copy(
            update={"graph": graph.model_copy(update={"nodes": done}), "state": state("succeeded")}
        )
        try:
            await site.site.tell("run", "r7")
            await page.locator('.svelte-flow__node[data-id="OrderQueue"] .node.tone-ok').wait_for()
            await page.locator("#head .chip.tone-ok").wait_for()
            assert await page.evaluate("window.kept")
            assert site.complaints == []
        finally:
            site.site.changed.clear()


async def test_rows_keep_their_places_under_the_pointer_until_asked(site: "Site") -> None:
    async with site.open("dags") as page:
        await page.get_by_text("Live", exact=True).wait_for()
        rows = dags.listed().rows
        fresh = rows[0].model_copy(update={"dag_id": "brand_new"})
        changed = rows[1].model_copy(update={"last": state("failed")})
        site.site.changed["dags"] = dags.listed().model_copy(update={"rows": (fresh, rows[0], changed, *rows[2:])})
        try:
            await page.get_by_role("link", name="daily_ledger", exact=True).hover()
            await site.site.tell("dag", "eu-batch/daily_ledger")
            chip = page.get_by_role("button", name="1 new")
            await chip.wait_for()
            row = page.locator('tr[data-key="eu-batch/daily_ledger"]')
            await row.locator(".chip.tone-bad").wait_for()
            assert await page.locator("tbody tr").first.get_attribute("data-key") == "marketing/orders_hourly"
            await chip.click()
            await page.get_by_role("link", name="brand_new", exact=True).wait_for()
            assert await page.locator("tbody tr").first.get_attribute("data-key") == "marketing/brand_new"
        finally:
            site.site.changed.clear()


async def test_a_message_about_something_else_fetches_nothing(site: "Site") -> None:
    async with site.open("run") as page:
        await page.get_by_text("Live", exact=True).wait_for()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await site.site.tell("run", "another")
        await page.wait_for_timeout(700)
        assert asked == []


async def test_a_broken_connection_is_said_and_everything_is_fetched_when_it_is_back(site: "Site") -> None:
    async with site.open("overview") as page:
        await page.get_by_text("Live", exact=True).wait_for()
        site.site.changed["overview"] = overview.quiet()
        try:
            for socket in list(site.site.sockets):
                await socket.close()
            await page.get_by_text("Reconnecting", exact=True).wait_for()
            await page.get_by_role("heading", name="All quiet").wait_for(timeout=15000)
            await page.get_by_text("Live", exact=True).wait_for()
        finally:
            site.site.changed.clear()


async def test_without_a_socket_the_page_polls_and_says_so(site: "Site") -> None:
    context = await site.browser.new_context()
    page = await context.new_page()
    await page.route_web_socket("**/live**", lambda socket: socket.close())
    await page.goto(f"{site.base}/p/overview")
    await page.get_by_text("Polling", exact=True).wait_for(timeout=15000)
    await context.close()


async def test_the_log_of_a_running_task_is_read_on_by_itself(site: "Site") -> None:
    context = await site.browser.new_context()
    page = await context.new_page()
    await page.clock.install()
    running = dags.log().model_copy(update={"running": True, "note": "320 lines so far."})
    site.site.changed["task-log"] = running
    try:
        await page.goto(f"{site.base}/p/task-log")
        await page.get_by_text("320 lines so far.").wait_for()
        await page.locator(".log .line").first.wait_for()
        ended = {"running": False, "note": "", "lines": (LogLine(text="the last line"),)}
        site.site.changed["task-log"] = running.model_copy(update=ended)
        await page.clock.run_for(11_000)
        await page.locator(".log .line", has_text="the last line").wait_for()
        assert await page.get_by_text("320 lines so far.").count() == 0
        assert await page.locator("[data-every]").count() == 0
    finally:
        site.site.changed.clear()
        await context.close()


async def test_without_scripts_the_pages_are_whole(site: "Site") -> None:
    context = await site.browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{site.base}/p/run")
    assert await page.get_by_role("link", name="OrderQueue").first.is_visible()
    assert await page.get_by_text("attempt 2 failed: ConnectionClosed").is_visible()
    assert await page.get_by_role("button", name="Retry now").is_visible()
    await context.close()


async def test_the_theme_is_set_before_paint_and_kept(site: "Site") -> None:
    async with site.open("overview") as page:
        await page.get_by_role("button", name="Switch between light and dark").click()
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        await page.reload(wait_until="commit")
        await page.wait_for_selector("h1")
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert await page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(11, 16, 22)"


def _ages(page: Any) -> "View":
    """The same page, whose observations turn stale three seconds after it was made."""
    seen = (page.seen if hasattr(page, "seen") else page.rows[0].seen).model_copy(update={"stale_at": NOW + timedelta(seconds=3)})
    if not hasattr(page, "seen"):
        return page.model_copy(update={"rows": tuple(row.model_copy(update={"seen": seen}) for row in page.rows)})
    more = {"tiles": tuple(tile.model_copy(update={"seen": seen}) for tile in page.tiles)} if hasattr(page, "tiles") else {}
    more |= {"health": tuple(part.model_copy(update={"seen": seen}) for part in page.health)} if hasattr(page, "health") else {}
    return page.model_copy(update={"seen": seen, **more})


def _all_stale() -> "View":
    page = dags.listed()
    rows = tuple(row.model_copy(update={"seen": row.seen.model_copy(update={"stale": True})}) for row in page.rows)
    return page.model_copy(update={"rows": rows})


@pytest.mark.parametrize(
    ("name", "fresh", "old", "known", "unknown"),
    [
        ("overview", overview.quiet, overview.blind, "#tiles .tile.tone-ok", "#tiles .tile.tone-unknown"),
        ("overview", overview.quiet, overview.blind, "#needs-you .quiet .tone-ok", "#needs-you .quiet .tone-unknown"),
        ("cluster", clusters.detail, clusters.away, "#health .chip.tone-ok", "#head .chip.tone-unknown"),
        (
            "dags",
            dags.listed,
            _all_stale,
            '[data-key="eu-batch/daily_ledger"]:not([data-stale])',
            '[data-key="eu-batch/daily_ledger"][data-stale]',
        ),
        ("dag", dags.detail, dags.unseen, "#head .chip:not(.tone-unknown)", "#head .chip.tone-unknown"),
        ("dag", dags.detail, dags.unseen, "#runs:not([data-stale])", "#runs[data-stale]"),
    ],
)
async def test_an_open_page_turns_unknown_when_its_observations_grow_too_old(
    site: "Site", name: str, fresh: Any, old: Any, known: str, unknown: str
) -> None:
    """The poller is dead: no message comes, and the page asks by itself."""
    site.site.changed[name] = _ages(fresh())
    try:
        async with site.open(name) as page:
            await page.get_by_text("Live", exact=True).wait_for()
            await page.locator(known).first.wait_for()
            site.site.changed[name] = old()
            await page.locator(unknown).first.wait_for(timeout=15000)
            assert site.complaints == []
    finally:
        site.site.changed.clear()


@pytest.mark.parametrize(("name", "make"), [("overview", overview.busy), ("cluster", clusters.detail), ("dag", dags.detail)])
async def test_a_service_that_goes_away_is_said_on_open_pages(site: "Site", name: str, make: Any) -> None:
    async with site.open(name) as page:
        await page.get_by_text("Live", exact=True).wait_for()
        assert await page.locator("#trouble .notice").count() == 0
        site.site.changed[name] = make().model_copy(update={"trouble": Trouble(title="The cluster-poller is away", text="It was.")})
        try:
            await site.site.tell("service", "cluster-poller")
            await page.locator("#trouble").get_by_text("The cluster-poller is away").wait_for()
        finally:
            site.site.changed.clear()


@pytest.mark.parametrize("told", [("cluster", "eu-prod"), ("run", "r7"), ("incident", "i1")])
async def test_what_needs_you_follows_clusters_runs_and_incidents(site: "Site", told: tuple[str, str]) -> None:
    async with site.open("overview-quiet") as page:
        await page.get_by_text("Live", exact=True).wait_for()
        site.site.changed["overview-quiet"] = overview.busy()
        try:
            await site.site.tell(*told)
            await page.locator("#needs-you [data-key]").first.wait_for()
        finally:
            site.site.changed.clear()
