"""Every template with every sample: strict names, escaping, live blocks that can be fetched by themselves."""

import re
from html.parser import HTMLParser

import pytest
from sample_pages import SAMPLES
from sample_pages.frame import shell

from gateway.entrypoints.web.templating import Frame, Templates

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class _Balance(HTMLParser):
    """Finds tags that are not closed in order, ids that stand twice, and handlers written into the markup."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.wrong: list[str] = []
        self.labels: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name.startswith(("on", "hx-on")):
                self.wrong.append(f"inline handler {name} on <{tag}>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing at line {self.getpos()[0]}")


def _context(name: str) -> dict[str, object]:
    _, active, make = SAMPLES[name]
    return {
        "shell": shell(away="cluster-poller" if name.endswith("away") else ""),
        "active": active,
        "notice": None,
        "page": make(),
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_renders_sound_markup(name: str, templates: Templates, frame: Frame) -> None:
    html = templates.page(SAMPLES[name][0], frame, _context(name))
    balance = _Balance()
    balance.feed(html)
    assert balance.wrong == []
    assert balance.open == []
    assert len(balance.ids) == len(set(balance.ids)), sorted(i for i in balance.ids if balance.ids.count(i) > 1)
    assert "<h1>" in html
    assert "data-kind=" in html
    for needed in re.findall(r'aria-(?:controls|describedby|labelledby)="([^"]+)"', html):
        assert set(needed.split()) <= set(balance.ids), needed


@pytest.mark.parametrize("name", SAMPLES)
def test_every_live_block_can_be_fetched_by_itself(name: str, templates: Templates, frame: Frame) -> None:
    template = SAMPLES[name][0]
    html = templates.page(template, frame, _context(name))
    for element in re.findall(r"<[a-z]+[^>]*\bdata-live=[^>]*>", html):
        part = re.search(r'data-part="([^"]+)"', element)
        ident = re.search(r' id="([^"]+)"', element)
        assert part, element
        assert ident, element
        source = "sidebar.html" if part[1] == "services" else template
        fragment = templates.part(source, part[1], frame, _context(name))
        assert f'id="{ident[1]}"' in fragment
        assert "<html" not in fragment


@pytest.mark.parametrize("name", SAMPLES)
def test_every_form_that_changes_something_carries_the_token(name: str, templates: Templates, frame: Frame) -> None:
    html = templates.page(SAMPLES[name][0], frame, _context(name))
    for form in re.findall(r'<form[^>]*method="post".*?</form>', html, re.DOTALL):
        assert 'name="csrf_token" value="the-form-token"' in form


def test_what_came_from_outside_is_escaped(templates: Templates, frame: Frame) -> None:
    html = templates.page("dags/log.html", frame, _context("task-log"))
    assert "<script>alert(1)</script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_a_write_only_secret_is_never_sent_back(templates: Templates, frame: Frame) -> None:
    html = templates.page("clusters/form.html", frame, _context("cluster-wrong"))
    field = re.search(r'<input[^>]*type="password"[^>]*>', html)
    assert field
    assert 'value=""' in field[0]


def test_unknown_is_hatched_and_never_shown_as_well(templates: Templates, frame: Frame) -> None:
    html = templates.part("clusters/detail.html", "health", frame, _context("cluster-away"))
    assert "tone-unknown" in html
    assert "tone-ok" not in html
