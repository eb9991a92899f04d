"""The expressions of rules: which variables each subject has, and answers that never raise.

Variables are declared with their types, so a wrong name or type is a Uncompilable with its position when a rule is saved.
"""

from alerter.domain.rule import Answer, Uncompilable
from alerter.domain.subject import VARIABLES, Values, unknown_placeholders
from shared.contracts.alerts import RuleSubject
from shared.runtime import expressions
from shared.runtime.expressions import CompiledExpression, EvaluationFailed, Vocabulary


class CelExpression:
    """A compiled expression that answers true or false."""

    def __init__(self, compiled: CompiledExpression, used: frozenset[str]) -> None:
        self._compiled = compiled
        self._used = used

    @property
    def used(self) -> frozenset[str]:
        return self._used

    def ask(self, values: Values) -> Answer:
        try:
            return Answer(bool(self._compiled.evaluate(values)))
        except EvaluationFailed as failed:
            return Answer(None, str(failed))


class Compiler:
    """Compiles expressions for each subject."""

    def __init__(self) -> None:
        self._vocabularies = {subject: Vocabulary(variables) for subject, variables in VARIABLES.items()}

    def compile(self, subject: RuleSubject, expression: str) -> CelExpression:
        """Return the expression; raise Uncompilable with the position of what is wrong."""
        try:
            compiled = self._vocabularies[subject].compile(expression, condition=True)
        except expressions.Uncompilable as wrong:
            raise Uncompilable(wrong.message, wrong.line, wrong.column) from None
        return CelExpression(compiled, self._used(subject, expression))

    def check_summary(self, subject: RuleSubject, summary: str) -> None:
        """Raise Uncompilable for a placeholder that names no variable."""
        if wrong := unknown_placeholders(summary, subject):
            names = ", ".join(sorted(VARIABLES[subject]))
            raise Uncompilable(f"summary: {{{wrong[0]}}} is no variable of {subject.value}. Known are: {names}.")

    def _used(self, subject: RuleSubject, expression: str) -> frozenset[str]:
        """Return the variables that the expression names: those without which it does not compile.

        The library shows no syntax tree, and this asks the very compiler that will be used. It costs some 50 µs a variable.
        """
        used = set()
        for left_out in VARIABLES[subject]:
            if left_out.rpartition(".")[2] not in expression:
                continue
            try:
                self._vocabularies[subject].without(left_out).compile(expression, condition=True)
            except expressions.Uncompilable:
                used.add(left_out)
        return frozenset(used)
