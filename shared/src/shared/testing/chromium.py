"""A real Chromium from Debian's package, driven by Playwright."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from shared.testing.process import PartFailed, find_program

# The package's program itself: its wrapper in /usr/bin complains on standard error without need.
PROGRAM = "/usr/lib/chromium/chromium"

OPTIONS = [
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
]


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """Give a headless browser; it ends with the block, and with the test session, whose pipe it hangs on."""
    program = find_program("chromium", package="chromium fonts-dejavu-core", also=[PROGRAM])
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(executable_path=program, args=OPTIONS)
        except Exception as error:
            raise PartFailed(f"{program} could not be started: {error}") from error
        try:
            yield browser
        finally:
            await browser.close()
