"""Builders for the alerter's unit tests."""

from datetime import UTC, datetime

import pytest

from alerter.adapters.cel import Compiler
from alerter.domain.alert import Alert
from alerter.domain.rule import Rule
from shared.contracts.alerts import AlertState, RuleSubject, Severity

BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Build:
    """Makes rules and alerts with sensible values for what a test does not care about."""

    begin = BEGIN

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def rule(self, expression: str, subject: RuleSubject = RuleSubject.CLUSTER, **more: object) -> Rule:
        compiled = self.compiler.compile(subject, expression)
        return Rule(**{"rule_id": "r1", "name": "a-rule", "subject": subject, "expression": compiled, **more})

    def alert(self, **more: object) -> Alert:
        values = {
            "alert_id": "a1",
            "fingerprint": "f1",
            "rule_id": "r1",
            "rule": "a-rule",
            "subject": "cluster",
            "thing": "c1",
            "severity": Severity.WARNING,
            "state": AlertState.FIRING,
            "since": BEGIN,
            "opened_at": BEGIN,
            "changed_at": BEGIN,
            "fired_at": BEGIN,
            "title": "Something is wrong",
            "where": "eu-prod",
            "evidence": "answered = true",
            "channels": ("ch1",),
        }
        return Alert(**{**values, **more})


@pytest.fixture(scope="session")
def build() -> Build:
    return Build(Compiler())
