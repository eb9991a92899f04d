"""What is written is read back as it was, and what people wrote keeps its comments and its order."""

import string

from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from gateway.domain.workflow_yaml import read, write
from shared.contracts.kinds import join_between
from shared.contracts.workflows import (
    Component,
    Connection,
    CustomRetry,
    EventTrigger,
    ExponentialRetry,
    FixedRetry,
    WorkflowDefinition,
)

QUICK = (Phase.explicit, Phase.generate)
"""Without shrinking: a definition is small enough to be read as it is."""

_names = some.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=12).map(lambda text: "C" + text)
_waits = some.sampled_from([0.25, 0.5, 1.0, 2.0, 30.0, 60.0, 90.0, 3600.0, 86_400.0])
_texts = some.text(
    some.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff\ufffe\uffff"), max_size=60
)
_retries = some.none() | some.one_of(
    some.builds(FixedRetry, every=_waits, attempts=some.integers(1, 10)),
    some.builds(ExponentialRetry, first=_waits, factor=some.sampled_from([1.5, 2.0, 3.0]), most=_waits, attempts=some.integers(1, 10)),
    some.builds(CustomRetry, waits=some.lists(_waits, min_size=1, max_size=3).map(tuple)),
)


@some.composite
def _components(draw: some.DrawFn, name: str) -> Component:
    kind = draw(some.sampled_from(["kafka", "mq", "service"]))
    options = {
        "kafka": {"topic": draw(some.sampled_from(["orders", "a.b_c-d", "123", "true", "1e3"]))},
        "mq": {"queue": draw(some.sampled_from(["orders", "no", "0x10", "q: with colon", "~", "# not a comment", "ü"]))},
        "service": {"path": "/" + draw(some.sampled_from(["", "orders", "a#b", "x: y"])), "method": "PUT"},
    }[kind]
    return Component(name=name, kind=kind, endpoint=f"{kind}-1", options=options, retry=draw(_retries), timeout=draw(some.none() | _waits))


@some.composite
def _definitions(draw: some.DrawFn) -> WorkflowDefinition:
    names = draw(some.lists(_names, min_size=1, max_size=6, unique=True))
    components = [draw(_components(name)) for name in names]
    pairs = [
        (one, other)
        for place, one in enumerate(components)
        for other in components[place + 1 :]
        if join_between(one.kind, other.kind) is not None
    ]
    chosen = draw(some.lists(some.sampled_from(pairs), max_size=5, unique_by=lambda pair: (pair[0].name, pair[1].name))) if pairs else []
    connections = []
    for one, other in chosen:
        join = join_between(one.kind, other.kind)
        assert join is not None
        connections.append(Connection(source=one.name, target=other.name, kind=join.name))
    return WorkflowDefinition(
        workflow="some-flow",
        description=draw(_texts),
        components=tuple(components),
        connections=tuple(connections),
        triggers=draw(some.sampled_from([(), (EventTrigger(),)])),
    )


@settings(max_examples=30, deadline=None, phases=QUICK)
@given(_definitions())
def test_what_is_written_is_read_back(definition: WorkflowDefinition) -> None:
    reading = read(write(definition))
    assert reading.problems == ()
    assert reading.definition == definition


@settings(max_examples=20, deadline=None, phases=QUICK)
@given(_definitions(), _definitions())
def test_merging_into_another_text_says_the_new_definition(before: WorkflowDefinition, after: WorkflowDefinition) -> None:
    reading = read(write(after, write(before)))
    assert reading.problems == ()
    assert reading.definition is not None
    by_name = {component.name: component for component in after.components}
    assert {component.name: component for component in reading.definition.components} == by_name
    assert reading.definition.model_copy(update={"components": ()}) == after.model_copy(update={"components": ()})


COMMENTED = """\
# Orders, from the shop to the warehouse.
workflow: order-processing  # do not rename
components:
  # where they come from
  OrderTopic: {kind: kafka, endpoint: prod-kafka, topic: orders}  # 12 partitions
  OrderQueue:
    kind: mq
    endpoint: orders-mq
    queue: orders  # durable
    retry: {strategy: fixed, every: 2s, attempts: 3}
connections:
  - {from: OrderTopic, to: OrderQueue}  # the only one
"""


@settings(max_examples=10, deadline=None, phases=QUICK)
@given(some.sampled_from(["orders", "returns", "a.b"]), some.integers(1, 9), some.booleans())
def test_comments_stay_when_options_change(queue: str, attempts: int, triggered: bool) -> None:
    definition = read(COMMENTED).definition
    assert definition is not None
    topic, old = definition.components
    new = old.model_copy(update={"options": {"queue": queue}, "retry": FixedRetry(every=2.0, attempts=attempts)})
    wanted = definition.model_copy(update={"components": (topic, new), "triggers": (EventTrigger(),) if triggered else ()})
    text = write(wanted, COMMENTED)
    assert read(text).definition == wanted
    for comment in (
        "# Orders, from the shop",
        "# do not rename",
        "# where they come from",
        "# 12 partitions",
        "# durable",
        "# the only one",
    ):
        assert comment in text
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    assert lines.index("kind: mq") < lines.index("endpoint: orders-mq")


def test_nothing_changes_where_nothing_differs() -> None:
    definition = read(COMMENTED).definition
    assert definition is not None
    again = write(definition, COMMENTED)
    assert [line.split("#")[0].rstrip() for line in again.splitlines()] == [line.split("#")[0].rstrip() for line in COMMENTED.splitlines()]
