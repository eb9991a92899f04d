"""The page of figures keeps what was not measured again, and a profile's samples go to the part that they were at work for."""

from benchmarks._figures import Figure
from benchmarks._page import renewed
from benchmarks.saturation import by_part

HAND = "## The next factor of two\n\nWritten by hand | with a bar in it."


def figure(name: str, what: str, found: str) -> Figure:
    return Figure(name, what, found, "≥ 1 ×", "reached", "itself", "0.5 on 2")


def test_a_run_of_some_benchmarks_keeps_the_rows_of_the_others() -> None:
    first = renewed(
        "",
        [figure("timers", "late", "3 ms"), figure("timers", "CPU", "2 %"), figure("runs", "rate", "1.5 ×")],
        ["timers", "runs"],
        [],
        "first profile",
    )
    second = renewed(f"{first}\n{HAND}\n", [figure("timers", "late by", "4 ms")], ["timers"], ["history"], "")
    rows = [line.split(" | ")[:3] for line in second.splitlines() if line.startswith(("| timers", "| runs"))]
    assert rows == [["| runs", "rate", "1.5 ×"], ["| timers", "late by", "4 ms"]]
    assert "history; their rows are older" in second
    assert second.index("first profile") < second.index(HAND)
    third = renewed(second, [figure("runs", "rate", "2 ×")], [], ["runs"], "second profile")
    assert "history" not in third
    assert ("first profile" in third, "second profile" in third, HAND in third) == (False, True, True)
    assert "| runs | rate | 2 ×" in third
    assert renewed(third, [], [], [], "").count("| timers | late by") == 1


def test_a_sample_belongs_to_the_innermost_part() -> None:
    outer = "process 7:python;thread 8;run (asyncio/runners.py:1);_attempt (executor/application/engine.py:1)"
    parts, functions = by_part(
        f"{outer};succeed (executor/domain/run.py:2) 6\n{outer};append (aiokafka/record/default_records.py:3) 3\n"
        f"{outer};task (asyncio/tasks.py:9) 2\nprocess 7:python;thread 8;select (selectors.py:4) 1\n"
    )
    assert parts == {"domain": 6, "publishing": 3, "engine": 2, "event loop": 1}
    assert functions["`succeed` in run.py"] == 6
