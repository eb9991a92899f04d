"""Two texts side by side."""

from datetime import datetime
from typing import Literal

from gateway.application.views.parts import View


class DiffLine(View):
    """A line of both texts; ``first`` of a block of changes, so that keys can go from one to the next."""

    kind: Literal["same", "added", "removed", "changed", "gap"]
    before: int | None = None
    after: int | None = None
    before_text: str = ""
    after_text: str = ""
    skipped: int = 0
    first: bool = False


class Theirs(View):
    """The version that was published meanwhile, and its text beside what somebody has typed."""

    version: int
    by: str
    at: datetime
    lines: tuple[DiffLine, ...]
    cut: bool
