"""CEL behind its wall: errors with position when a rule is saved, values instead of exceptions when it is asked."""

import time

import pytest

from alerter.adapters.cel import Compiler
from alerter.application.examples import EXAMPLES
from alerter.application.rule_check import check
from alerter.domain.rule import Uncompilable
from shared.contracts.alerts import RuleSubject

SUBJECT = RuleSubject.CLUSTER


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return Compiler()


@pytest.mark.parametrize(
    ("expression", "words", "line", "column"),
    [
        ("answerd", "no variable “answerd”", 1, 1),
        ("answered &&\n  scheduler.hartbeat_age > 30.0", "no variable “scheduler.hartbeat_age”", 2, 12),
        ("scheduler.heartbeat_age > 30", "write 30.0 beside a double", 1, 25),
        ("(answered", "Syntax error", 1, 10),
        ("name == 3", "no matching overload", 1, 6),
        ("import_errors", "is of type int", 1, 1),
        ("state == 'failed'", "no variable “state”", 1, 1),
    ],
)
def test_a_wrong_expression_is_refused_with_its_position(compiler, expression, words, line, column) -> None:
    with pytest.raises(Uncompilable) as refused:
        compiler.compile(SUBJECT, expression)
    assert words in refused.value.message
    assert (refused.value.line, refused.value.column) == (line, column)


def test_used_are_the_variables_that_it_names(compiler) -> None:
    expression = compiler.compile(SUBJECT, "answered && scheduler.heartbeat_age > 30.0 || tags.exists(name_, name_ == 'x')")
    assert expression.used == {"answered", "scheduler.heartbeat_age", "tags"}


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("1 / import_errors == 1", "divide by zero"),
        ("dags_total > 1", "dags_total is not known."),
        ("name.matches('(')", "invalid regular expression"),
    ],
)
def test_an_error_is_an_answer_without_a_value(compiler, expression, problem) -> None:
    answer = compiler.compile(SUBJECT, expression).ask({"import_errors": 0, "name": "a"})
    assert answer.value is None
    assert problem in answer.problem


def test_a_bomb_runs_out_of_its_budget_soon(compiler) -> None:
    nested = "tags.all(a, tags.all(b, tags.all(c, tags.all(d, a + b + c + d != 'x'))))"
    began = time.perf_counter()
    answer = compiler.compile(SUBJECT, nested).ask({"tags": ["t"] * 60})
    assert answer.value is None
    assert "budget" in answer.problem
    assert time.perf_counter() - began < 1


def test_regular_expressions_know_no_catastrophe(compiler) -> None:
    began = time.perf_counter()
    assert compiler.compile(SUBJECT, "name.matches('(a+)+$')").ask({"name": "a" * 10_000 + "!"}).value is False
    assert time.perf_counter() - began < 0.05


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_every_example_can_be_asked(compiler, example) -> None:
    assert check(compiler, example.subject, example.expression, example.summary).ok


def test_a_check_tells_the_variables_and_what_a_summary_names_wrongly(compiler) -> None:
    result = check(compiler, RuleSubject.DAG_RUN, 'state == "failed"', "{dag} failed")
    assert not result.ok
    assert "{dag} is no variable" in result.message
    assert result.variables["tags"] == "list(string)"
