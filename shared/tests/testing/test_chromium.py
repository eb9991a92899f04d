import pytest
from playwright.async_api import Browser

pytestmark = [pytest.mark.connected, pytest.mark.browser]


async def test_it_renders_and_runs_scripts(chromium: Browser) -> None:
    page = await chromium.new_page(viewport={"width": 360, "height": 640})
    await page.set_content("<h1>Tower</h1><script>document.querySelector('h1').textContent += ' ' + innerWidth</script>")
    assert await page.text_content("h1") == "Tower 360"
    assert len(await page.screenshot()) > 1000
    await page.close()
