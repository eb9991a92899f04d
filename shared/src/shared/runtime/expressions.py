"""CEL expressions of workflows (https://cel.dev for the language): conditions, business keys, filters and mappings.

They are compiled by the gateway while somebody types and by the executor where they are used, with the same declared
variables, so both refuse the same texts at the same place. An evaluation is bounded by the library's iteration budget: what
exceeds it, or ends in an error, is an ``EvaluationFailed`` and never a value.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from cel_expr_python import cel

_FIELDS = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)


class Use(Enum):
    """Where an expression stands: its variables with their types, and whether it must be true or false."""

    CONDITION = ({"inputs": _FIELDS, "output": _FIELDS}, True)
    """``when`` of a connection; ``output`` is what the source left behind."""
    BUSINESS_KEY = ({"inputs": _FIELDS}, False)
    MESSAGE_FILTER = (
        {
            "value": cel.Type.DYN,
            "key": cel.Type.STRING,
            "headers": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
            "topic": cel.Type.STRING,
            "partition": cel.Type.INT,
            "offset": cel.Type.INT,
        },
        True,
    )
    """``filter`` of a Kafka trigger; ``value`` is the message as JSON, a text when it is none, null when there is none."""
    MESSAGE_MAPPING = (MESSAGE_FILTER[0], False)
    DAG_RUN_MAPPING = (dict.fromkeys(("cluster", "dag_id", "dag_run_id", "state"), cel.Type.STRING), False)
    CALL = ({"inputs": _FIELDS, "outputs": _FIELDS, "run_id": cel.Type.STRING, "idempotency_key": cel.Type.STRING}, False)
    """Options of a component; ``outputs`` is component → output of what it is connected to."""
    ANSWER_CONDITION = (
        CALL[0] | {"status": cel.Type.INT, "headers": cel.Type.Map(cel.Type.STRING, cel.Type.STRING), "body": cel.Type.DYN},
        True,
    )
    """``expect`` of an API call; header names are in lower case, ``body`` is the JSON, a text when it is none, null when there is none."""
    ANSWER_MAPPING = (ANSWER_CONDITION[0], False)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names that an expression may use here."""
        return tuple(self.value[0])

    @property
    def condition(self) -> bool:
        """Whether the answer is true or false."""
        return bool(self.value[1])


class Uncompilable(ValueError):
    """A text is no expression for its use. ``line`` and ``column`` count from 1 within the text."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class EvaluationFailed(Exception):
    """An expression had no value: something is missing, of another type, or took too many steps. The text is a sentence."""


class CompiledExpression:
    """An expression that can be evaluated, about 6 µs each time."""

    __slots__ = ("_condition", "_program", "text")

    def __init__(self, text: str, program: Any, *, condition: bool) -> None:
        self.text = text
        self._program = program
        self._condition = condition

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value as plain JSON types; a condition's is a bool. Raises EvaluationFailed."""
        try:
            result = self._program.eval(data=dict(values))
            kind = result.type()
            if kind == cel.Type.ERROR:
                raise EvaluationFailed(_sentence(str(result.value())))
            if self._condition and kind != cel.Type.BOOL:
                raise EvaluationFailed(f"it is of type {kind.name().lower()}, and must be true or false")
            return _json(result.plain_value())
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            raise EvaluationFailed(_sentence(str(error))) from None


def compile_expression(text: str, use: Use) -> CompiledExpression:
    """Return the compiled expression; raise Uncompilable with the position of what is wrong."""
    try:
        program = _environment(use).compile(text)
    except RuntimeError as error:
        raise _uncompilable(str(error), use) from None
    kind = program.return_type()
    if use.condition and kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise Uncompilable(f"The expression is of type {kind.name().lower()}; it must be true or false, for example by comparing it.")
    return CompiledExpression(text, program, condition=use.condition)


_environments: dict[Use, Any] = {}


def _environment(use: Use) -> Any:
    if use not in _environments:
        _environments[use] = cel.NewEnv(variables=use.value[0])
    return _environments[use]


_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_MOST_TEXT = 500


def _uncompilable(text: str, use: Use) -> Uncompilable:
    found = _POSITION.search(text)
    message = _sentence(found[3] if found else text).replace(" (in container '')", "")
    if undeclared := _UNDECLARED.search(message):
        message = f"There is no variable “{undeclared[1]}” here. There are: {', '.join(use.variables)}."
    return Uncompilable(message, int(found[1]), int(found[2])) if found else Uncompilable(message)


def _sentence(text: str) -> str:
    return _STATUS.sub("", _STATUS.sub("", text.strip()))[:_MOST_TEXT]


def _json(value: Any) -> Any:
    """Return the value as JSON knows it: times and durations become texts."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
