"""Texts with placeholders: what stands in braces is an expression over a run's inputs and what came before.

``/orders/{order_id}`` names an input; ``{outputs.Look.rows[0].id}`` is any CEL expression. ``{{`` and ``}}`` stand for the
braces themselves. A text that is one placeholder and nothing else keeps the type of its value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

VARIABLES = ("inputs", "outputs", "run_id", "idempotency_key")
"""What an expression of a component may look at (``Use.CALL``); any other single word is the name of an input."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """An expression within a text."""

    expression: str


@dataclass(frozen=True, slots=True)
class Placed:
    """An expression and where it stands within a component's options; ``use`` names a member of ``shared.runtime.expressions.Use``."""

    path: tuple[str | int, ...]
    expression: str
    use: str = "CALL"


def pieces(text: str) -> tuple[str | Placeholder, ...]:
    """Return the text in its parts; raise ValueError for braces that don't match."""
    found: list[str | Placeholder] = []
    plain, at = "", 0
    for token in _TOKEN.finditer(text):
        plain += text[at : token.start()]
        at = token.end()
        if token[0] in {"{{", "}}"}:
            plain += token[0][0]
            continue
        if token[1] is None or not token[1].strip():
            raise ValueError(
                f"“{token[0]}” at character {token.start() + 1} is no placeholder; write {{name}}, or {{{{ and }}}} for braces"
            )
        if plain:
            found.append(plain)
            plain = ""
        name = token[1].strip()
        found.append(Placeholder(f"inputs.{name}" if _WORD.fullmatch(name) and name not in VARIABLES else name))
    plain += text[at:]
    if plain or not found:
        found.append(plain)
    return tuple(found)


def texts_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Return every text within a JSON value, with its place; keys of objects are no templates."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_of(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from texts_of(item, (*path, index))


def checked(value: Any) -> Any:
    """Return the value; raise ValueError when a text within it has braces that don't match."""
    for _, text in texts_of(value):
        pieces(text)
    return value


def placed(value: Any, *path: str | int) -> Iterator[Placed]:
    """Return every expression within a value of templates."""
    for place, text in texts_of(value, path):
        for piece in pieces(text):
            if isinstance(piece, Placeholder):
                yield Placed(place, piece.expression)
