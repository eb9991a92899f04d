"""Where in the document a place inside an expression is, and how much of a document is taken."""

import pytest

from gateway.domain.workflow_yaml import read


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("when: inputs.a ==", 6, 0),
        ("when: 'inputs.a == ''x'' ='", 6, 0),
        (r'when: "inputs.a == \"x\" ="', 6, 0),
        (r'when: "inputs.a == \u0022x\u0022 ="', 6, 0),
        ("when: |\n      inputs.a == 'x' &&\n      inputs.b =", 8, 0),
    ],
)
def test_the_place_inside_an_expression_is_that_of_the_document(written: str, line: int, column: int) -> None:
    head = "workflow: a\ncomponents:\n  A: {kind: mq, endpoint: m, queue: a}\n  B: {kind: mq, endpoint: m, queue: b}\nconnections:\n  - "
    text = head + written + "\n    from: A\n    to: B\n"
    (problem,) = read(text).problems
    shown = text.splitlines()[problem.line - 1]
    assert problem.line == line, problem
    # What is wrong is the '=' at the end, or that nothing follows '=='.
    column = len(shown.rstrip("\"'")) if shown.rstrip("\"'").endswith(" =") else shown.rindex("==") + 2
    assert abs(problem.column - column) <= 1, (problem, column, shown)


def test_five_thousand_components_are_refused_with_what_is_taken() -> None:
    text = "workflow: a\ncomponents:\n" + "".join(f"  A{n}: {{kind: mq, endpoint: orders-mq, queue: q}}\n" for n in range(5000))
    (problem,) = read(text).problems
    assert problem.line > 1
    assert "at most 500 components" in problem.hint


def test_five_hundred_components_with_all_their_rules_are_taken() -> None:
    rules = "retry: {strategy: exponential, first: 1s, factor: 2, most: 30s, attempts: 5}, attempt_timeout: 30s, deadline: 1h, join: any"
    lines = [f"  A{n}: {{kind: mq, endpoint: m, queue: q, {rules}}}" for n in range(1, 500)]
    edges = [f"  - {{from: A{n}, to: A{n + 1}, when: output.confirmed > {n}}}" for n in range(499)]
    text = "\n".join(("workflow: a", "components:", "  A0: {kind: mq, endpoint: m, queue: q}", *lines, "connections:", *edges, ""))
    reading = read(text)
    assert reading.problems == ()
    assert reading.definition is not None
    assert len(reading.definition.components) == 500
