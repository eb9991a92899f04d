"""The template environment: strict about names, escaping by default, one file for a page and its fragments."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2_fragments import BlockNotFoundError, render_block
from markupsafe import Markup

from gateway.application.views.parts import Action
from gateway.entrypoints.web import wording
from gateway.entrypoints.web.assets import Assets
from shared.runtime.ids import new_id

_PARTS = ("state", "actions", "pictures", "blocks", "forms", "incidents", "flow", "log", "tables", "diff")


@dataclass(frozen=True)
class Frame:
    """What every part of one rendering may need: the clock, the form token, the script nonce, the page's address."""

    now: datetime
    csrf: str
    nonce: str
    path: str
    seq: int | None = None
    """Number of the newest change that the page surely shows; the live socket goes on behind it."""


_frame: ContextVar[Frame] = ContextVar("frame")


class UnknownPartError(LookupError):
    """A fragment was asked for that the page does not have."""


class Templates:
    """Renders pages and their fragments.

    The macros of ``components/`` are reachable everywhere as ``ui.<name>``: a fragment is rendered without the top
    of its file, so an import there would be missing. What differs per request reaches macros through the frame.
    """

    def __init__(self, folder: Path, assets: Assets) -> None:
        environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.do"],
        )
        ui = SimpleNamespace()
        environment.globals.update(
            ui=ui,
            assets=assets,
            icon=assets.icon,
            now=lambda: _frame.get().now,
            csrf_token=lambda: _frame.get().csrf,
            csrf_field=_csrf_field,
            once_field=_once_field,
            nonce=lambda: _frame.get().nonce,
            seq=lambda: _frame.get().seq,
            link_to=_link_to,
            here=lambda: _frame.get().path,
        )
        for name in ("took", "count", "share", "size", "clock", "moment", "plural", "points", "span"):
            environment.filters[name] = getattr(wording, name)
        environment.filters["age"] = lambda at: wording.age(at, _frame.get().now)
        environment.filters["since"] = lambda at: wording.span((_frame.get().now - at).total_seconds())
        environment.filters["until"] = lambda at: wording.until(at, _frame.get().now)
        environment.filters["iso"] = lambda at: at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        for part in _PARTS:
            module = environment.get_template(f"components/{part}.html").module
            vars(ui).update({name: macro for name, macro in vars(module).items() if not name.startswith("_")})
        self.environment = environment

    def page(self, template: str, frame: Frame, context: Mapping[str, Any]) -> str:
        """The whole page."""
        with _framed(frame):
            return self.environment.get_template(template).render(context)

    def part(self, template: str, block: str, frame: Frame, context: Mapping[str, Any]) -> str:
        """One block of a page, for an answer that is morphed into place."""
        with _framed(frame):
            try:
                return render_block(self.environment, template, block, dict(context))
            except BlockNotFoundError as error:
                raise UnknownPartError(block) from error


@contextmanager
def _framed(frame: Frame) -> Iterator[None]:
    token = _frame.set(frame)
    try:
        yield
    finally:
        _frame.reset(token)


def _link_to(label: str, url: str, icon: str = "", look: Literal["primary", "plain", "danger"] = "plain") -> Action:
    """A link that looks like an action."""
    return Action(label=label, url=url, method="get", look=look, icon=icon)


def _once_field() -> Markup:
    return Markup('<input type="hidden" name="once" value="{}">').format(new_id())


def _csrf_field() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(_frame.get().csrf)
