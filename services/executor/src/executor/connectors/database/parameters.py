"""Parameters of statements: JSON values as the server's types. Nothing is ever formatted into a statement."""

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from executor.application.filling import Filling
from executor.application.ports import Permanent


def values_of(expressions: Sequence[str], filling: Filling) -> list[Any]:
    """Return the values of $1, $2, … as JSON."""
    return [filling.evaluate(text, f"parameters[{index}]") for index, text in enumerate(expressions)]


def fitted(prepared: PreparedStatement, values: Sequence[Any]) -> list[Any]:
    """Return JSON values as the statement wants them; raise Permanent that names the parameter. Further ones may follow ours."""
    wanted: tuple[asyncpg.Type, ...] = prepared.get_parameters()
    if len(wanted) < len(values):
        text = f"{len(values)} parameters are given, and the statement uses {len(wanted)}. Write $1, $2, … where they belong."
        raise Permanent("ParameterInvalid", text)
    return [_fit(value, kind, number) for number, (value, kind) in enumerate(zip(values, wanted, strict=False), start=1)]


def expect_count(prepared: PreparedStatement, values: Sequence[Any]) -> None:
    """Refuse a statement that uses more parameters than are given."""
    wanted = len(prepared.get_parameters())
    if wanted != len(values):
        text = f"The statement uses {wanted} parameters, and {len(values)} are given. Add them under parameters:, one for each $."
        raise Permanent("ParameterInvalid", text)


def _fit(value: Any, kind: asyncpg.Type, number: int) -> Any:
    try:
        return _fitting(value, kind.name)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise Permanent("ParameterInvalid", f"Parameter ${number} is no {kind.name}: {str(error)[:200]}.") from error


def _fitting(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if not kind.endswith("[]"):
        fit: Callable[[Any], Any] = _FITS.get(kind, _text)
        return fit(value)
    if not isinstance(value, list):
        raise TypeError("a list is needed")
    return [_fitting(item, kind[:-2]) for item in value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != float(value):
        raise ValueError("a whole number is needed")
    return int(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false is needed")
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_FITS: dict[str, Callable[[Any], Any]] = {
    "int2": _whole,
    "int4": _whole,
    "int8": _whole,
    "float4": float,
    "float8": float,
    "numeric": lambda value: Decimal(str(value)),
    "bool": _truth,
    "uuid": lambda value: uuid.UUID(str(value)),
    "date": lambda value: date.fromisoformat(str(value)),
    "time": lambda value: time.fromisoformat(str(value)),
    "timestamp": lambda value: datetime.fromisoformat(str(value)),
    "timestamptz": lambda value: _aware(datetime.fromisoformat(str(value))),
    "json": _json,
    "jsonb": _json,
    "bytea": lambda value: _text(value).encode(),
}
"""Type of the server → how a JSON value becomes it; what is not named takes a text."""


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time with its offset is needed, e.g. 2026-11-22T18:00:00Z")
    return at
