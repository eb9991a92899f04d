"""Each page: nothing serious for axe, a silent console under the strict policy, no sideways scrolling at 360 px."""

from typing import TYPE_CHECKING

import pytest
from sample_pages import SAMPLES

if TYPE_CHECKING:
    from conftest import Site

pytestmark = pytest.mark.browser

_DARK = (
    "overview",
    "overview-blind",
    "clusters",
    "cluster-away",
    "dags",
    "dag-run",
    "task-log",
    "run",
    "workflow-old",
    "workflow-edit",
    "workflow-start-wrong",
    "compare",
    "rule-add",
    "sign-in",
)


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_page_is_sound(site: "Site", name: str) -> None:
    async with site.open(name) as page:
        assert await site.findings(page) == []
        await page.set_viewport_size({"width": 360, "height": 740})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        assert await site.findings(page) == []
        assert site.complaints == []


@pytest.mark.parametrize("name", _DARK)
async def test_a_page_is_readable_in_the_dark(site: "Site", name: str) -> None:
    async with site.open(name, theme="dark") as page:
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert await site.findings(page) == []
        assert site.complaints == []
