"""Templates as the pages use them, with the icons' names checked and their pictures left out."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sample_pages.frame import NOW

from gateway.entrypoints.web.assets import Assets
from gateway.entrypoints.web.templating import Frame, Templates

UI = Path(__file__).parents[4] / "services" / "ui"


@pytest.fixture(scope="session")
def templates() -> Templates:
    names = json.loads((UI / "icons.json").read_text(encoding="utf-8"))
    assets = Assets(script="/static/main.js", styles=("/static/main.css",), icons=dict.fromkeys(names, ""))
    return Templates(UI / "templates", assets)


@pytest.fixture
def frame() -> Frame:
    return Frame(now=NOW, csrf="the-form-token", nonce="the-nonce", path="/here/")
