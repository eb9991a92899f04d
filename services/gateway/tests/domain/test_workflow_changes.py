"""What changed between two versions: each difference in words, and the texts side by side."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.domain.text_diff import MOST_ROWS, diff
from gateway.domain.workflow_changes import compare_definitions, summary
from gateway.domain.workflow_yaml import read

BEFORE = """\
workflow: orders
inputs:
  day: string
  limit: {type: integer, default: 5}
timeout: 2h
components:
  A: {kind: kafka, endpoint: k, topic: a}
  B: {kind: mq, endpoint: m, queue: b, retry: {strategy: fixed, every: 2s, attempts: 3}, attempt_timeout: 30s}
  C: {kind: service, endpoint: s, path: /c}
connections:
  - {from: A, to: B}
  - {from: B, to: C}
"""


def definition(text: str) -> dict[str, Any]:
    found = read(text).definition
    assert found is not None, read(text).problems
    return found.model_dump(mode="json")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("queue: b", "queue: c", "B: queue is “c” instead of “b”."),
        ("endpoint: m", "endpoint: n", "B: endpoint is n instead of m."),
        ("queue: b,", "queue: b, declare: true,", "B: declare is true."),
        ("timeout: 2h", "timeout: 30m", "The time limit is 30m instead of 2h."),
        ("timeout: 2h\n", "", "The time limit is no longer set (it was 2h)."),
        ("timeout: 2h", "timeout: 2h\nconcurrency: 5", "The limit of runs at once is 5."),
        ("timeout: 2h", "timeout: 2h\npriority: 9", "The priority is 9 instead of 5."),
        ("attempt_timeout: 30s", "attempt_timeout: 1m", "B: attempt_timeout is 1m instead of 30s."),
        ("every: 2s", "every: 5s", "B: retry is strategy fixed, every 5s, attempts 3 instead of strategy fixed, every 2s, attempts 3."),
        ("path: /c", "path: /c, join: any", "C: join is any instead of all."),
        ("path: /c", "path: /c, errors: {park: [NotFound]}", "C: errors is park [“NotFound”] instead of empty."),
        ("  C: {kind: service, endpoint: s, path: /c}\n", "", "C is gone."),
        ("connections:", "  D: {kind: mq, endpoint: m, queue: d}\nconnections:", "D is new (mq on m)."),
        ("{from: A, to: B}", "{from: A, to: B, when: inputs.limit > 3}", "A → B: when is “inputs.limit > 3”."),
        ("  - {from: B, to: C}\n", "", "The connection B → C is gone."),
        (
            "  - {from: B, to: C}\n",
            "  - {from: A, to: C, when: inputs.limit > 1}\n",
            "The connection A → C is new (processing, when inputs.limit > 1).",
        ),
        ("  day: string\n", "", "The input day is gone."),
        ("  day: string\n", "  day: string\n  x: {type: number}\n", "The input x is new: a number, needed."),
        ("default: 5", "default: 9", "The input limit: default is 9 instead of 5."),
        ("connections:", "triggers: [{kind: event}]\nconnections:", "The trigger event is new."),
    ],
)
def test_a_difference_is_said_in_words(old: str, new: str, sentence: str) -> None:
    assert old in BEFORE
    after = BEFORE.replace(old, new, 1)
    if old.startswith("  C: "):
        after = after.replace("  - {from: B, to: C}\n", "")
    changes = compare_definitions(definition(BEFORE), definition(after))
    assert sentence in [change.sentence for change in changes], [change.sentence for change in changes]
    assert len(changes) <= 2


def test_what_only_looks_otherwise_is_no_change() -> None:
    after = "# why\n" + BEFORE.replace("{kind: kafka, endpoint: k, topic: a}", "{topic: a, kind: kafka, endpoint: k, join: all}")
    assert compare_definitions(definition(BEFORE), definition(after)) == ()


def test_a_version_of_before_a_key_existed_means_its_default() -> None:
    old = definition(BEFORE)
    for key in ("inputs", "priority", "concurrency", "business_key"):
        old.pop(key)
    for component in old["components"]:
        for key in ("join", "errors", "deadline", "compensates"):
            component.pop(key)
    changes = compare_definitions(old, definition(BEFORE))
    assert {change.part for change in changes} == {"input"}


def test_a_summary_counts_what_it_leaves_out() -> None:
    after = (
        BEFORE.replace("queue: b", "queue: c").replace("2h", "1h").replace("/c", "/d").replace("topic: a", "topic: z").replace("5}", "6}")
    )
    text = summary(compare_definitions(definition(BEFORE), definition(after)))
    assert text.endswith("And 2 more.")


def test_lines_are_numbered_on_both_sides_and_what_is_the_same_is_left_out() -> None:
    old = [f"line {n}" for n in range(1, 31)]
    new = [*old[:9], "other 10", *old[10:20], *old[22:], "line 31"]
    found = diff("\n".join(old), "\n".join(new))
    assert (found.added, found.removed, found.cut) == (2, 3, False)
    assert [(row.before, row.after, row.before_text, row.after_text) for row in found.rows if row.kind == "changed"] == [
        (10, 10, "line 10", "other 10")
    ]
    assert [(row.before, row.before_text) for row in found.rows if row.kind == "removed"] == [(21, "line 21"), (22, "line 22")]
    assert [(row.after, row.after_text) for row in found.rows if row.kind == "added"] == [(29, "line 31")]
    assert [row.skipped for row in found.rows if row.kind == "gap"] == [6, 4, 2]


_lines = some.lists(some.sampled_from(["a", "b", "c: d", ""]), max_size=30)


@settings(max_examples=100, deadline=None)
@given(_lines, _lines)
def test_both_texts_can_be_made_from_the_rows(old: list[str], new: list[str]) -> None:
    found = diff("\n".join(old), "\n".join(new))
    before, after = "\n".join(old).splitlines(), "\n".join(new).splitlines()
    if before == after:
        assert found.rows == ()
        return
    hidden = sum(row.skipped for row in found.rows)
    shown_old = {row.before: row.before_text for row in found.rows if row.before}
    shown_new = {row.after: row.after_text for row in found.rows if row.after}
    assert len(shown_old) + hidden == len(before)
    assert len(shown_new) + hidden == len(after)
    assert all(before[number - 1] == text for number, text in shown_old.items())
    assert all(after[number - 1] == text for number, text in shown_new.items())


def test_two_huge_texts_that_share_nothing_take_bounded_time_and_room() -> None:
    began = time.process_time()
    found = diff("\n".join(f"# {n}" for n in range(60_000)), "\n".join(f"# {n % 97} x" for n in range(60_000)))
    assert time.process_time() - began < 5
    assert found.cut
    assert len(found.rows) == MOST_ROWS
