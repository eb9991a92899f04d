"""Fill in the options of a component: placeholders and expressions over the run's inputs and what came before."""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from executor.application.ports import Permanent, Work
from shared.contracts.kinds.templates import Placeholder, pieces
from shared.runtime.expressions import CompiledExpression, EvaluationFailed, Uncompilable, Use, compile_expression

Finish = Callable[[str], str]

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_MISSING = object()


@lru_cache(maxsize=2000)
def _compiled(text: str, use: Use) -> CompiledExpression:
    return compile_expression(text, use)


class Filling:
    """What one attempt's options are filled in with."""

    def __init__(self, work: Work) -> None:
        self._name = work.name
        self._values: dict[str, Any] = {
            "inputs": work.inputs,
            "outputs": {place.component.name: place.output for _, place in work.sources},
            "run_id": work.run_id,
            "idempotency_key": work.idempotency_key,
        }

    def evaluate(self, expression: str, where: str, *, use: Use = Use.CALL, more: Mapping[str, Any] | None = None) -> Any:
        """Return the value of an expression; raise Permanent that names the place when it has none."""
        values = {**self._values, **(more or {})}
        if _PATH.fullmatch(expression) and not use.condition:
            # A value that is only passed on stays as it is; CEL's texts end at a zero byte, and its whole numbers have 64 bits.
            found = _at(values, expression.split("."))
            if found is not _MISSING:
                return found
        try:
            return _compiled(expression, use).evaluate(values)
        except Uncompilable as error:
            raise Permanent("ExpressionInvalid", f"{where} of “{self._name}”: {error.message}") from error
        except EvaluationFailed as error:
            text = f"{where} of “{self._name}” has no value: {error}. Look at the expression “{expression[:200]}” and at the run's inputs."
            raise Permanent("ExpressionFailed", text) from error

    def text(self, template: str, where: str, finish: Finish = str) -> str:
        """Return a template as text; each value passes through ``finish``, for example to be percent-encoded."""
        parts = pieces(template)
        return "".join(part if isinstance(part, str) else finish(_plain(self.evaluate(part.expression, where))) for part in parts)

    def value(self, template: Any, where: str) -> Any:
        """Return a JSON value with every text in it filled in; a text that is one placeholder becomes the value itself."""
        if isinstance(template, str):
            parts = pieces(template)
            if len(parts) == 1 and isinstance(parts[0], Placeholder):
                return self.evaluate(parts[0].expression, where)
            return self.text(template, where)
        if isinstance(template, dict):
            return {name: self.value(item, f"{where}.{name}") for name, item in template.items()}
        if isinstance(template, list | tuple):
            return [self.value(item, f"{where}[{index}]") for index, item in enumerate(template)]
        return template


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _plain(value: Any) -> str:
    """Return a value as it stands within a text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
