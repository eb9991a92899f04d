"""The sample pages in a real Chromium: built front end, real headers, a socket of the same wire as the gateway's."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, Page

ROOT = Path(__file__).parents[2]
UI = ROOT / "services" / "ui"
sys.path.insert(0, str(ROOT / "services" / "gateway" / "tests" / "web"))

from sample_site import SampleSite  # noqa: E402 - the samples must be found first

AXE = UI / "node_modules" / "axe-core" / "axe.min.js"


class Site:
    """A running sample site; ``open`` gives a page and notes everything that its console complains about."""

    def __init__(self, site: SampleSite, base: str, browser: Browser) -> None:
        self.site, self.base, self.browser = site, base, browser
        self.complaints: list[str] = []

    @asynccontextmanager
    async def open(self, name: str, *, width: int = 1280, height: int = 900, theme: Any = "light") -> AsyncIterator[Page]:
        context = await self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce")
        page = await context.new_page()
        self.complaints = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(f"{self.base}/p/{name}")
        await page.wait_for_load_state("networkidle")
        try:
            yield page
        finally:
            await context.close()

    async def findings(self, page: Page) -> list[str]:
        """What axe finds that is serious or worse."""
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{item['id']}: {item['nodes'][0]['html'][:160]}" for item in found["violations"] if item["impact"] in ("serious", "critical")
        ]


@pytest.fixture(scope="session")
async def site(chromium: Browser) -> AsyncIterator[Site]:
    if not (UI / "dist" / "icons.json").exists():
        pytest.fail("The front end is not built: run `npm ci --ignore-scripts && npm run build` in services/ui.")
    sample = SampleSite(UI)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(sample.app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield Site(sample, f"http://127.0.0.1:{listening.getsockname()[1]}", chromium)
        server.should_exit = True
        await serving
