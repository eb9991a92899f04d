"""Whose turn it is: fair between workflows, high priorities first, and nobody waits for ever."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from executor.domain.turns import EVERY, Lane, Turns, choose, take


def lane(workflow: str, count: int, priority: int = 5, first: int = 0) -> Lane:
    return Lane(workflow, priority, [(f"{workflow}-{priority}-{n}", "C") for n in range(count)], list(range(first, first + count)))


def serve(lanes: list[Lane], most: int, turns: Turns | None = None) -> list[str]:
    turns = turns or Turns()
    order = []
    for _ in range(most):
        turns.join({lane.workflow_id for lane in lanes if lane.places})
        chosen = turns.next(lanes)
        if chosen is None:
            break
        order.append(take(chosen)[0])
    return order


def test_ten_thousand_of_one_workflow_do_not_hold_up_ten_of_another() -> None:
    order = serve([lane("many", 10_000), lane("few", 10, first=10_000)], 40)
    assert order.index("few-5-9") < 20
    assert [run for run in order if run.startswith("many")] == [f"many-5-{n}" for n in range(30)]


def test_the_highest_priority_is_first_and_every_eighth_turn_goes_by_age() -> None:
    lanes = [lane("calm", 3, priority=0), lane("usual", 50, priority=5, first=3), lane("urgent", 50, priority=9, first=53)]
    order = serve(lanes, 24)
    assert order[: EVERY - 1] == [f"urgent-9-{n}" for n in range(EVERY - 1)]
    assert [run.split("-")[0] for run in order[EVERY - 1 :: EVERY]] == ["calm", "usual", "calm"]
    assert Counter(run.split("-")[0] for run in order) == {"urgent": 21, "calm": 2, "usual": 1}


def test_an_old_run_of_low_priority_gets_on_beside_new_ones_of_its_own_workflow() -> None:
    lanes = [lane("w", 1, priority=0), lane("w", 100, priority=9, first=1)]
    assert serve(lanes, EVERY)[-1] == "w-0-0"


def test_rooms_of_workflows_are_kept_and_none_is_no_limit() -> None:
    lanes = [lane("two", 9), lane("none", 9, first=9), lane("free", 9, first=18)]
    chosen = choose(Turns(), lanes, {"two": 2, "none": 0, "free": None}, 100)
    assert Counter(run.split("-")[0] for run in chosen) == {"two": 2, "free": 9}
    assert choose(Turns(), [lane("free", 9)], {}, 4) == [f"free-5-{n}" for n in range(4)]


ARRIVALS = st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(0, 9)), min_size=1, max_size=120)


@settings(deadline=None, max_examples=60)
@given(first=ARRIVALS, later=st.lists(st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(0, 9)), max_size=3), max_size=60))
def test_whoever_waits_is_served_and_no_workflow_waits_longer_than_the_rule_says(
    first: list[tuple[str, int]], later: list[list[tuple[str, int]]]
) -> None:
    """Whatever arrives: each is served once, in its lane's order, and a waiting workflow within 8 turns for each that waits beside it."""
    lanes: dict[tuple[str, int], Lane] = {}
    numbers = iter(range(10_000))

    def arrive(items: list[tuple[str, int]]) -> None:
        for workflow, priority in items:
            number = next(numbers)
            place = lanes.setdefault((workflow, priority), Lane(workflow, priority, [], []))
            place.places.append((str(number), "C"))
            place.numbers.append(number)

    arrive(first)
    turns, served, since, step = Turns(), [], {}, 0
    coming = iter(later)
    while True:
        waiting = {item.workflow_id for item in lanes.values() if item.places}
        since = {workflow: since.get(workflow, step) for workflow in waiting}
        turns.join(waiting)
        chosen = turns.next(list(lanes.values()))
        if chosen is None:
            break
        step += 1
        assert all(step - began <= EVERY * len("ABCDE") for began in since.values())
        since.pop(chosen.workflow_id)
        assert chosen.numbers[0] == min(chosen.numbers)
        served.append(take(chosen)[0])
        arrive(next(coming, []))
    assert sorted(served, key=int) == [str(n) for n in range(len(first) + sum(map(len, later[:step])))]
