"""A rule and how its expression is asked: five possible verdicts that are never mixed.

The expression itself is compiled by an adapter; here it is only something that can be asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from alerter.domain.subject import OBSERVED, Thing, Values, fill, in_words
from shared.contracts.alerts import RuleDefined, RuleSubject, Severity


class Verdict(StrEnum):
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"
    """The thing exists and the expression has no answer for it."""
    NO_DATA = "no_data"
    """Nothing has been heard of the thing for too long."""
    SAYS_NOTHING = "says_nothing"
    """This happening is no evidence in either direction."""


@dataclass(frozen=True)
class Answer:
    """What an expression said: true, false, or None with the problem."""

    value: bool | None
    problem: str = ""


class Uncompilable(Exception):
    """An expression that cannot be asked, for the person who wrote it. Lines and columns begin at 1."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message if line is None else f"{message} (line {line}, column {column})")
        self.message = message
        self.line = line
        self.column = column


class Expression(Protocol):
    """A compiled condition."""

    @property
    def used(self) -> frozenset[str]:
        """The variables that it names."""

    def ask(self, values: Values) -> Answer:
        """Answer for these values; never raises."""


@dataclass(frozen=True)
class Rule:
    rule_id: str
    name: str
    subject: RuleSubject
    expression: Expression
    hold: float = 0.0
    severity: Severity = Severity.WARNING
    summary: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    revision: int = 1

    @classmethod
    def of(cls, defined: RuleDefined, expression: Expression) -> "Rule":
        return cls(
            rule_id=defined.rule_id,
            name=defined.name,
            subject=defined.subject,
            expression=expression,
            hold=defined.hold,
            severity=defined.severity,
            summary=defined.summary,
            labels=defined.labels,
            channels=defined.channels,
            revision=defined.revision,
        )

    def title(self, thing: Thing, values: Values) -> str:
        """Return the alert's title: the rule's summary, or its name and the thing."""
        return fill(self.summary, values) if self.summary else f"{self.name}: {thing.where}"

    def evidence(self, values: Values) -> str:
        """Return the values that decided, e.g. ``answered = true, scheduler.heartbeat_age = 41.3``."""
        return ", ".join(f"{name} = {in_words(values[name])}" for name in sorted(self.expression.used) if name in values)


@dataclass(frozen=True)
class Judgement:
    """A verdict about one thing, with what people need to believe it."""

    thing: Thing
    verdict: Verdict
    evidence: str
    values: Values = field(default_factory=dict)
    mark: Mapping[str, str] = field(default_factory=dict)
    title: str = ""


def judge_cluster(rule: Rule, thing: Thing, values: Values, *, away: str) -> Judgement:
    """Judge a cluster now. ``away`` says why it does not answer, and is empty while it does.

    A rule about what only an answering cluster can tell is unknown while it is away, even where its expression is false
    because it begins with ``answered &&``: no answer is not ok. Where the expression is true all the same, it was asked
    about being away, and fires.
    """
    answer = rule.expression.ask(values)
    evidence = rule.evidence(values)
    if answer.value:
        return Judgement(thing, Verdict.TRUE, evidence, values)
    if away and rule.expression.used & OBSERVED:
        return Judgement(thing, Verdict.UNKNOWN, away, values)
    if answer.value is None:
        return Judgement(thing, Verdict.UNKNOWN, answer.problem, values)
    return Judgement(thing, Verdict.FALSE, evidence, values)
