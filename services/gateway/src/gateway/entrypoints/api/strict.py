"""JSON bodies without what Python takes and JSON doesn't: NaN, endless nesting, huge numbers, NUL."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from gateway.domain.problems import FieldProblem, Invalid

MAX_DEPTH = 64


class StrictRequest(Request):
    """A request whose JSON is really JSON, and not deeper than anything needs."""

    async def json(self) -> Any:
        if not hasattr(self, "_strict"):
            try:
                self._strict = parse(await self.body())
            except Invalid as wrong:
                # Of whatever else a body's reader raises, FastAPI makes a 400 without words.
                raise HTTPException(422, str(wrong)) from wrong
        return self._strict


def parse(body: bytes) -> Any:
    """Return the value; raise Invalid with the field and what is wrong with it."""
    try:
        value = json.loads(body, parse_constant=_Strange, parse_float=_finite)
    except json.JSONDecodeError:
        raise
    except RecursionError as deep:
        raise Invalid(_TOO_DEEP) from deep
    except (ValueError, UnicodeDecodeError) as wrong:
        message = f"The body is not JSON that is taken: {str(wrong)[:200]}."
        raise Invalid(FieldProblem("", message, "Send UTF-8, and numbers of at most 19 digits.")) from wrong
    _check(value)
    return value


class _Strange(str):
    """A word or a number that Python takes and JSON doesn't; it stays at its place until that is known."""

    __slots__ = ()


def _finite(text: str) -> float | _Strange:
    number = float(text)
    return _Strange(text) if number in (float("inf"), float("-inf")) else number


_TOO_DEEP = FieldProblem("", f"The JSON is nested more than {MAX_DEPTH} deep.", "Nothing here needs that; make it flatter.")


def _check(root: Any) -> None:
    """Raise Invalid for the first thing that is wrong, with the way to it: ``inputs.orders.3.day``."""
    level: list[tuple[str, Any]] = [("", root)]
    for _ in range(MAX_DEPTH):
        below: list[tuple[str, Any]] = []
        for place, value in level:
            if (problem := _problem(place, value)) is not None:
                raise Invalid(problem)
            if isinstance(value, dict):
                below.extend((f"{place}.{key}" if place else key, item) for key, item in value.items())
            elif isinstance(value, list):
                below.extend((f"{place}.{number}" if place else str(number), item) for number, item in enumerate(value))
        if not below:
            return
        level = below
    deepest = level[0][0]
    raise Invalid(FieldProblem(deepest.split(".", maxsplit=1)[0], _TOO_DEEP.message, _TOO_DEEP.hint))


def _problem(place: str, value: Any) -> FieldProblem | None:
    if isinstance(value, _Strange):
        if value in ("NaN", "Infinity", "-Infinity"):
            return FieldProblem(place, f"{value} is not a JSON number.", "Write null or a number.")
        return FieldProblem(place, f"{value[:40]} is larger than a number can be.", "Write it as a text.")
    if isinstance(value, dict) and any("\0" in key for key in value):
        return FieldProblem(place, "A name in it holds the character NUL.", "Remove it.")
    if isinstance(value, str) and "\0" in value:
        return FieldProblem(place, "The text holds the character NUL.", "Remove it.")
    if isinstance(value, int) and abs(value) > 2**63:
        return FieldProblem(place, f"The number has {len(str(value))} digits, more than are taken.", "Write it as a text.")
    return None


class StrictRoute(APIRoute):
    """Routes whose bodies are read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return handle
