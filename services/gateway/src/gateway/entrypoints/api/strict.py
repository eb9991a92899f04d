"""JSON bodies without what Python takes and JSON doesn't: NaN, endless nesting, huge numbers, NUL."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

MAX_DEPTH = 64


class StrictRequest(Request):
    """A request whose JSON is really JSON, and not deeper than anything needs."""

    async def json(self) -> Any:
        if not hasattr(self, "_strict"):
            self._strict = parse(await self.body())
        return self._strict


def parse(body: bytes) -> Any:
    """Return the value; raise 422 with what is wrong."""
    try:
        value = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
        _check(value)
    except json.JSONDecodeError:
        raise
    except RecursionError as deep:
        raise HTTPException(422, f"The JSON is nested more than {MAX_DEPTH} deep.") from deep
    except (ValueError, UnicodeDecodeError) as wrong:
        raise HTTPException(422, f"The body is not JSON that is taken: {str(wrong)[:200]}.") from wrong
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number; write null or a number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is larger than a number can be")
    return number


def _check(root: Any) -> None:
    level: list[Any] = [root]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                if any("\0" in key for key in value):
                    raise ValueError("a name holds the character NUL")
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, str) and "\0" in value:
                raise ValueError("a text holds the character NUL")
            elif isinstance(value, int) and abs(value) > 2**63:
                raise ValueError(f"a number has {len(str(value))} digits, more than are taken")
        if not below:
            return
        level = below
    raise RecursionError


class StrictRoute(APIRoute):
    """Routes whose bodies are read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return handle
