"""Answering whether a rule makes sense, before it is saved."""

from typing import Protocol

from alerter.domain.rule import Expression, Uncompilable
from alerter.domain.subject import VARIABLES
from shared.contracts.alerts import RuleSubject
from shared.contracts.internal import RuleCheckResult


class Checker(Protocol):
    """What compiles rules."""

    def compile(self, subject: RuleSubject, expression: str) -> Expression:
        """Return the expression; raise Uncompilable."""

    def check_summary(self, subject: RuleSubject, summary: str) -> None:
        """Raise Uncompilable for a summary that names no known variable."""


def check(checker: Checker, subject: RuleSubject, expression: str, summary: str) -> RuleCheckResult:
    """Return what is wrong and where, and the variables that the subject has."""
    variables = {name: str(kind) for name, kind in VARIABLES[subject].items()}
    try:
        checker.compile(subject, expression)
        checker.check_summary(subject, summary)
    except Uncompilable as problem:
        return RuleCheckResult(ok=False, message=problem.message, line=problem.line, column=problem.column, variables=variables)
    return RuleCheckResult(ok=True, message="The rule can be asked.", variables=variables)
