"""CEL expressions (https://cel.dev for the language): conditions, business keys, filters, mappings and alert rules.

The only module that knows the library. An expression is compiled where it is saved and where it is used, with the same declared
variables, so both refuse the same texts at the same place. An evaluation is bounded by the library's iteration budget: what
exceeds it, or ends in an error, is an ``EvaluationFailed`` and never a value. Regular expressions are RE2, which knows no
catastrophic backtracking.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from cel_expr_python import cel

from shared.runtime.plain import MOST_DEPTH, obstacle

_TYPES: dict[str, Any] = {
    "any": cel.Type.DYN,
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "list(string)": cel.Type.List(cel.Type.STRING),
    "map(string, string)": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "map(string, any)": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}


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
        found = obstacle(values, _MOST_LEVELS)
        if found == "nul":
            # The library would silently cut the text there.
            raise EvaluationFailed("A text holds a NUL character, and expressions can't work with such texts.")
        if found == "deep":
            # The library goes by calls, and ends the process where the stack does.
            raise EvaluationFailed(f"The data are nested more than {MOST_DEPTH} deep, and expressions can't work with such data.")
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


class Vocabulary:
    """The variables that an expression may use, each with its type: ``bool``, ``int``, ``map(string, any)`` and so on."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = dict(variables)
        self._environment: Any = None

    def without(self, name: str) -> "Vocabulary":
        """Return this vocabulary less one variable."""
        return Vocabulary({known: kind for known, kind in self.variables.items() if known != name})

    def compile(self, text: str, *, condition: bool) -> CompiledExpression:
        """Return the compiled expression, a ``condition`` must be true or false; raise Uncompilable with the position of what is wrong."""
        if self._environment is None:
            self._environment = cel.NewEnv(variables={name: _TYPES[kind] for name, kind in self.variables.items()})
        try:
            program = self._environment.compile(text)
        except RuntimeError as error:
            raise self._uncompilable(str(error)) from None
        kind = program.return_type()
        if condition and kind not in (cel.Type.BOOL, cel.Type.DYN):
            name = kind.name().lower()
            raise Uncompilable(f"The expression is of type {name}; it must be true or false, for example by comparing it.")
        return CompiledExpression(text, program, condition=condition)

    def _uncompilable(self, text: str) -> Uncompilable:
        found = _POSITION.search(text)
        message = _sentence(found[3] if found else text).replace(" (in container '')", "")
        if undeclared := _UNDECLARED.search(message):
            message = f"There is no variable “{undeclared[1]}” here. There are: {', '.join(self.variables)}."
        if "(double, int)" in message or "(int, double)" in message:
            message += ". Numbers with and without a decimal point do not mix: write 30.0 beside a double and 30 beside an int."
        return Uncompilable(message, int(found[1]), int(found[2])) if found else Uncompilable(message)


_MESSAGE = Vocabulary(
    {"value": "any", "key": "string", "headers": "map(string, string)", "topic": "string", "partition": "int", "offset": "int"}
)
"""``value`` is the message as JSON, a text when it is none, null when there is none."""
_CALL = Vocabulary({"inputs": "map(string, any)", "outputs": "map(string, any)", "run_id": "string", "idempotency_key": "string"})
"""``outputs`` is component → output of what the component is connected to."""
_ANSWER = Vocabulary(_CALL.variables | {"status": "int", "headers": "map(string, string)", "body": "any"})
"""Header names are in lower case, ``body`` is the JSON, a text when it is none, null when there is none."""


_CALL = Vocabulary({"inputs": "map(string, any)", "outputs": "map(string, any)", "run_id": "string", "idempotency_key": "string"})
"""``outputs`` is component → output of what the component is connected to."""

_ANSWER = Vocabulary(_CALL.variables | {"status": "int", "headers": "map(string, string)", "body": "any"})
"""Header names are in lower case; ``body`` is the JSON, a text when it is none, null when there is none."""


class Use(Enum):
    """Where an expression of a workflow stands: its vocabulary, and whether it must be true or false."""

    CONDITION = (Vocabulary({"inputs": "map(string, any)", "output": "map(string, any)"}), True)
    """``when`` of a connection; ``output`` is what the source left behind."""
    BUSINESS_KEY = (Vocabulary({"inputs": "map(string, any)"}), False)
    MESSAGE_FILTER = (_MESSAGE, True)
    MESSAGE_MAPPING = (_MESSAGE, False)
    DAG_RUN_MAPPING = (Vocabulary(dict.fromkeys(("cluster", "dag_id", "dag_run_id", "state"), "string")), False)
    CALL = (_CALL, False)
    """Options of a component."""
    ANSWER_CONDITION = (_ANSWER, True)
    """``expect`` of an API call."""
    ANSWER_MAPPING = (_ANSWER, False)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names that an expression may use here."""
        return tuple(self.value[0].variables)

    @property
    def condition(self) -> bool:
        """Whether the answer is true or false."""
        return bool(self.value[1])


def compile_expression(text: str, use: Use) -> CompiledExpression:
    """Return the compiled expression; raise Uncompilable with the position of what is wrong."""
    vocabulary: Vocabulary = use.value[0]
    return vocabulary.compile(text, condition=use.condition)


_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_MISSING = re.compile(r'No value with name "([^"]+)" found in Activation')
_MOST_TEXT = 500
_MOST_LEVELS = MOST_DEPTH + 10
"""Levels of all variables together: a value stands a few levels below its variable's name."""


def _sentence(text: str) -> str:
    """Return the library's words without its status codes, cut to a length that can be shown."""
    if missing := _MISSING.search(text):
        return f"{missing[1]} is not known."
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
