"""CEL, wrapped: the only module that knows the library (https://cel.dev for the language).

Variables are declared with their types, so a wrong name or type is a Uncompilable with its position when a rule is saved.
Evaluation never raises: what the library reports as an error value or as an exhausted iteration budget is an Answer
without a value. Regular expressions are RE2, which knows no catastrophic backtracking.
"""

import re
from collections.abc import Mapping
from typing import Any

from cel_expr_python import cel

from alerter.domain.rule import Answer, Uncompilable
from alerter.domain.subject import VARIABLES, Type, Values, unknown_placeholders
from shared.contracts.alerts import RuleSubject

_TYPES: dict[Type, Any] = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "list(string)": cel.Type.List(cel.Type.STRING),
    "map(string, string)": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")
_MISSING = re.compile(r'No value with name "([^"]+)" found in Activation')
_MOST_TEXT = 500


class CelExpression:
    """A compiled expression that answers true or false."""

    def __init__(self, program: Any, used: frozenset[str]) -> None:
        self._program = program
        self._used = used

    @property
    def used(self) -> frozenset[str]:
        return self._used

    def ask(self, values: Values) -> Answer:
        try:
            result = self._program.eval(data=values)
        except RuntimeError as error:
            return Answer(None, _sentence(str(error)))
        if result.type() == cel.Type.BOOL:
            return Answer(bool(result.value()))
        return Answer(None, _sentence(str(result.value())))


class Compiler:
    """Compiles expressions for each subject."""

    def __init__(self) -> None:
        self._environments = {
            subject: cel.NewEnv(variables={name: _TYPES[kind] for name, kind in variables.items()})
            for subject, variables in VARIABLES.items()
        }

    def compile(self, subject: RuleSubject, expression: str) -> CelExpression:
        """Return the expression; raise Uncompilable with the position of what is wrong."""
        program = _compiled(self._environments[subject], expression)
        if program.return_type() != cel.Type.BOOL:
            kind = program.return_type().name().lower()
            raise Uncompilable(f"The expression is of type {kind}; it must be true or false, for example by comparing it.", 1, 1)
        return CelExpression(program, self._used(subject, expression))

    def check_summary(self, subject: RuleSubject, summary: str) -> None:
        """Raise Uncompilable for a placeholder that names no variable."""
        if wrong := unknown_placeholders(summary, subject):
            names = ", ".join(sorted(VARIABLES[subject]))
            raise Uncompilable(f"summary: {{{wrong[0]}}} is no variable of {subject.value}. Known are: {names}.")

    def _used(self, subject: RuleSubject, expression: str) -> frozenset[str]:
        """Return the variables that the expression names: those without which it does not compile.

        The library shows no syntax tree, and this asks the very compiler that will be used. It costs some 50 µs a variable.
        """
        variables = VARIABLES[subject]
        used = set()
        for left_out in variables:
            if left_out.rpartition(".")[2] not in expression:
                continue
            try:
                _environment(variables, without=left_out).compile(expression)
            except RuntimeError:
                used.add(left_out)
        return frozenset(used)


def _environment(variables: Mapping[str, Type], *, without: str = "") -> Any:
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in variables.items() if name != without})


def _compiled(environment: Any, expression: str) -> Any:
    try:
        return environment.compile(expression)
    except RuntimeError as error:
        text = str(error)
        if found := _POSITION.search(text):
            raise Uncompilable(_hint(found[3]), int(found[1]), int(found[2])) from None
        raise Uncompilable(_sentence(text)) from None


def _hint(message: str) -> str:
    text = _sentence(message).replace(" (in container '')", "")
    if "(double, int)" in text or "(int, double)" in text:
        return f"{text}. Numbers with and without a decimal point do not mix: write 30.0 beside a double and 30 beside an int."
    return text


def _sentence(text: str) -> str:
    """Return the library's words without its status codes, cut to a length that can be shown."""
    if missing := _MISSING.search(text):
        return f"{missing[1]} is not known."
    return _STATUS.sub("", _STATUS.sub("", text.strip()))[:_MOST_TEXT]
