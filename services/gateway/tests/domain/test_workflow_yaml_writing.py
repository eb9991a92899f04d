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
    ErrorClasses,
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
    some.builds(
        CustomRetry, plugin=some.sampled_from(["office-hours", "true", "7"]).map("p-".__add__), attempts=some.none() | some.integers(1, 9)
    ),
)
_schemas = some.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 1, "default": 5},
        {"type": "string", "enum": ["no", "~", "1e3", "a: b"], "default": "no"},
        {"type": "object", "properties": {"id": {"type": "string", "description": "Its # number: as printed"}}, "required": ["id"]},
        {"type": ["array", "null"], "items": {"type": "number"}, "default": None},
        {},
    ]
)
_errors = some.builds(
    ErrorClasses,
    retry=some.sampled_from([(), ("ConnectionRefused",), ("HttpStatus:503", "HttpStatus:5*")]),
    park=some.sampled_from([(), ("QueueNotFound",)]),
    fail=some.sampled_from([(), ("*",)]),
)
_conditions = some.sampled_from([None, None, "inputs.a > 3", 'output.x == "a: b # c"', "output.y && !(inputs.z in ['no', \"it's\"])"])


@some.composite
def _components(draw: some.DrawFn, name: str) -> Component:
    kind = draw(some.sampled_from(["kafka", "mq", "service"]))
    options = {
        "kafka": {"topic": draw(some.sampled_from(["orders", "a.b_c-d", "123", "true", "1e3"]))},
        "mq": {"queue": draw(some.sampled_from(["orders", "no", "0x10", "q: with colon", "~", "# not a comment", "ü"]))},
        "service": {"path": "/" + draw(some.sampled_from(["", "orders", "a#b", "x: y"])), "method": "PUT"},
    }[kind]
    timeout = draw(some.none() | _waits)
    return Component(
        name=name,
        kind=kind,
        endpoint=f"{kind}-1",
        options=options,
        retry=draw(_retries),
        timeout=timeout,
        deadline=draw(some.none() | _waits.filter(lambda wait: timeout is None or wait >= timeout)),
        errors=draw(_errors),
    )


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
        connections.append(Connection(source=one.name, target=other.name, kind=join.name, when=draw(_conditions)))
    undone = False
    for place, component in enumerate(components):
        incoming = sum(edge.target == component.name for edge in connections)
        outgoing = any(edge.source == component.name for edge in connections)
        if incoming:
            join = draw(some.sampled_from(["all", "any", *range(1, incoming + 1)]))
            components[place] = component.model_copy(update={"join": join})
        elif place and not outgoing and not undone and draw(some.booleans()):
            undone = True
            components[place] = component.model_copy(update={"compensates": components[0].name})
    inputs = draw(some.dictionaries(some.sampled_from(["a", "b_1", "C", "order"]), _schemas, max_size=3))
    if any(edge.when for edge in connections) and inputs:
        inputs |= {"a": {}, "z": {}}
    return WorkflowDefinition(
        workflow="some-flow",
        description=draw(_texts),
        inputs=inputs,
        business_key=draw(some.sampled_from([None, "string(inputs.a)"])) if "a" in inputs else None,
        timeout=draw(some.none() | _waits),
        concurrency=draw(some.none() | some.integers(1, 9)),
        priority=draw(some.integers(0, 9)),
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


COMMENTS = ("# why", "#", "#  odd   spaces", "# a: {b", "# ü – “quoted”")
_comments = some.sampled_from(COMMENTS)


@some.composite
def _written(draw: some.DrawFn) -> str:
    """Return a text as people write it: a definition with comments, empty lines and odd spaces wherever YAML takes them."""
    lines = []
    for line in write(draw(_definitions())).splitlines():
        if draw(some.integers(0, 3)) == 0:
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(draw(some.sampled_from(["", indent + draw(_comments)])))
        lines.append(line + "   " + draw(_comments) if draw(some.integers(0, 2)) == 0 else line)
    return "\n".join([*lines, ""])


@settings(max_examples=300, deadline=None, phases=QUICK)
@given(_written())
def test_a_text_that_says_the_same_stays_to_the_letter(text: str) -> None:
    definition = read(text).definition
    assert definition is not None, (text, read(text).problems)
    as_json = WorkflowDefinition.model_validate_json(definition.model_dump_json())
    assert write(as_json, text) == text


@settings(max_examples=50, deadline=None, phases=QUICK)
@given(_written(), some.data())
def test_one_change_touches_one_component_and_no_comment(text: str, data: some.DataObject) -> None:
    definition = read(text).definition
    assert definition is not None
    place = data.draw(some.integers(0, len(definition.components) - 1))
    old = definition.components[place]
    new = old.model_copy(update={"endpoint": "another-one"})
    wanted = definition.model_copy(update={"components": tuple(new if item is old else item for item in definition.components)})
    changed = write(WorkflowDefinition.model_validate_json(wanted.model_dump_json()), text)
    assert read(changed).definition == wanted
    assert comments(changed) == comments(text)
    assert others(changed, old.name) == others(text, old.name)


def others(text: str, name: str) -> list[str]:
    """Return all lines but that of one component."""
    return [line for line in text.splitlines() if not line.startswith(f"  {name}:")]


def comments(text: str) -> list[str]:
    """Return the comments in their order; how far a comment stands from its value is not its own."""
    return [comment for line in text.splitlines() for comment in COMMENTS if line == comment or line.endswith(f" {comment}")]


RULED = """\
workflow: ruled
inputs:
  day: string   # of business
  # how many
  limit: {type: integer, default: 5}
priority: 5   # as usual
components:
  # first
  A: {kind: kafka, endpoint: k, topic: a}   # twelve partitions
  # second
  B: {kind: mq, endpoint: m, queue: b, retry: {strategy: exponential}}   # careful
  # third
  C:
    kind: service
    endpoint: s
    path: /c   # the path
    # any will do
    join: all
connections:
  - {from: A, to: B}   # one
  # then
  - {from: B, to: C}   # two
"""


def test_what_goes_takes_its_own_lines_and_nothing_else() -> None:
    definition = read(RULED).definition
    assert definition is not None
    again = WorkflowDefinition.model_validate_json(definition.model_dump_json())
    new = Component(name="D", kind="mq", endpoint="m", options={"queue": "d"})
    components = (*(item for item in again.components if item.name != "B"), new)
    edges = (
        Connection(source="A", target="D", kind="kafka-to-mq"),
        Connection(source="D", target="C", kind="processing", when="output.n > 1"),
    )
    inputs = {"limit": again.inputs["limit"]}
    wanted = again.model_copy(update={"components": components, "connections": edges, "inputs": inputs})
    text = write(wanted, RULED)
    assert read(text).definition == wanted
    for kept in ("# how many", "# as usual", "# first", "# twelve partitions", "# second", "# third", "# the path", "# any will do"):
        assert kept in text, text
    for line in ("  limit: {type: integer, default: 5}", "  A: {kind: kafka, endpoint: k, topic: a}", "    join: all"):
        assert line in text
    assert "# careful" not in text
    assert "# of business" not in text


def test_a_connection_in_between_leaves_the_comments_of_the_others() -> None:
    definition = read(RULED).definition
    assert definition is not None
    one, two = definition.connections
    text = write(definition.model_copy(update={"connections": (one, Connection(source="A", target="C", kind="processing"), two)}), RULED)
    lines = text.splitlines()
    assert lines[-1].endswith("# two")
    assert "{from: A, to: B}   # one" in text
    assert "  - {from: A, to: C, kind: processing}" in lines


def test_what_stands_behind_a_value_that_is_left_out_is_not_cut_with_it() -> None:
    text = "workflow: a\ninputs:\n  a:\n    default:\n  # kept\n  b: {}\ncomponents:\n  A: {kind: mq, endpoint: m, queue: a}\n"
    definition = read(text).definition
    assert definition is not None
    assert definition.inputs == {"a": {"default": None}, "b": {}}
    gone = definition.model_copy(update={"inputs": {"b": {}}})
    assert write(gone, text) == text.replace("  a:\n    default:\n", "")
