"""Takes the pictures of docs/pictures/ from the sample pages: ``python tests/browser/pictures.py [name …]``."""

import asyncio
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("services/gateway/tests/web", "services/gateway/src", "shared/src")]

import uvicorn  # noqa: E402 - the sources of this checkout come first
from sample_site import SampleSite  # noqa: E402

from shared.testing.chromium import running_chromium  # noqa: E402

PAGES = (
    "overview",
    "overview-quiet",
    "overview-new",
    "clusters",
    "cluster",
    "cluster-away",
    "cluster-add",
    "cluster-delete",
    "dags",
    "dag",
    "dag-run",
    "task-log",
    "endpoints",
    "endpoint",
    "endpoint-add",
    "workflows",
    "workflow",
    "workflow-start",
    "workflow-edit",
    "versions",
    "compare",
    "runs",
    "run",
    "run-retry",
    "run-compare",
    "bulk-add",
    "bulk",
    "alerts",
    "incident",
    "rules",
    "rule",
    "rule-add",
    "channels",
    "channel-add",
    "search",
    "account",
    "sign-in",
    "set-up",
    "reset",
    "error-404",
)
LOOKS = {"light": (1440, 900), "dark": (1440, 900), "narrow": (390, 844)}


async def take(names: tuple[str, ...], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    site = SampleSite(ROOT / "services" / "ui")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(site.app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with running_chromium() as browser:
            for look, (width, height) in LOOKS.items():
                context = await browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if look == "dark" else "light",
                    reduced_motion="reduce",
                )
                for name in names:
                    page = await context.new_page()
                    await page.goto(f"{base}/p/{name}")
                    await page.wait_for_load_state("networkidle")
                    high = await page.evaluate("document.documentElement.scrollHeight")
                    await page.set_viewport_size({"width": width, "height": max(height, min(high, 1500))})
                    await page.wait_for_timeout(400)
                    await page.screenshot(path=folder / f"{name}-{look}.png")
                    await page.close()
                await context.close()
        server.should_exit = True
        await serving


if __name__ == "__main__":
    asyncio.run(take(tuple(sys.argv[1:]) or PAGES, ROOT / "docs" / "pictures"))
