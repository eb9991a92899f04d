"""HTML forms as a browser without scripts would send them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """One form of a page: where it goes, and its fields with the values that stand in them."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
            self._open = True
        elif self._open and tag in {"input", "select", "textarea"} and given.get("name"):
            kind = given.get("type", tag if tag != "input" else "text")
            if kind not in {"submit", "button", "image", "reset"} and (kind not in {"checkbox", "radio"} or "checked" in given):
                self.forms[-1].fields[given["name"]] = given.get("value", "")
                self.forms[-1].kinds[given["name"]] = kind

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def forms_of(page: str) -> list[Form]:
    """Return the forms of a page in their order. Choices of a select and texts of a textarea are not read."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


def form_with_password(page: str) -> Form | None:
    """Return the first form that asks for a password."""
    return next((form for form in forms_of(page) if "password" in form.kinds.values()), None)
