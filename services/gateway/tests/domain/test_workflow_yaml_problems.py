"""Everything that can be wrong with a workflow's YAML is said at its place, with the way out."""

import time

import pytest

from gateway.domain.workflow_yaml import MAX_YAML_BYTES, read

ENDPOINTS = {"prod-kafka": "kafka", "orders-mq": "mq", "order-service": "service"}
GOOD = """\
workflow: order-processing
description: Replays orders from Kafka into the queue and has them processed
components:
  OrderTopic:   {kind: kafka, endpoint: prod-kafka, topic: orders}
  OrderQueue:   {kind: mq, endpoint: orders-mq, queue: orders, retry: {strategy: exponential, first: 1s, factor: 2, most: 30s, attempts: 5}}
  OrderService: {kind: service, endpoint: order-service, path: /orders, retry: {strategy: fixed, every: 2s, attempts: 3}}
connections:
  - {from: OrderTopic, to: OrderQueue, kind: kafka-to-mq}
  - {from: OrderQueue, to: OrderService, kind: processing}
"""


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


CASES = [
    # what, text, line, path, part of the message, part of the hint
    ("unknown kind", changed("kind: mq,", "kind: mqq,"), 5, "components.OrderQueue.kind", "no kind 'mqq'", "Did you mean 'mq'?"),
    ("no kind", changed("kind: mq, ", ""), 5, "components.OrderQueue", "has no kind", "one of airflow, api, database, kafka, mq, service"),
    ("unknown option", changed("queue: orders,", "queue: orders, que: x,"), 5, "components.OrderQueue.que", "not known", "'queue'"),
    ("needed option", changed("queue: orders, ", ""), 5, "components.OrderQueue.queue", "needs 'queue'", "The queue's name"),
    ("number as text", changed("topic: orders", "topic: 7"), 4, "components.OrderTopic.topic", "'7' is wrong", "quotes"),
    ("wrong sign in a topic", changed("topic: orders", "topic: or/ders"), 4, "components.OrderTopic.topic", "pattern", "topic's name"),
    (
        "wrong method",
        changed("path: /orders", "path: /orders, method: PATCHY"),
        6,
        "components.OrderService.method",
        "wrong",
        "One of: POST",
    ),
    ("path without slash", changed("path: /orders", "path: orders"), 6, "components.OrderService.path", "pattern", "Path below"),
    (
        "timeout of a service",
        changed("path: /orders", "path: /orders, timeout: soon"),
        6,
        "components.OrderService.timeout",
        "'soon'",
        "90s",
    ),
    (
        "timeout of a queue",
        changed("queue: orders,", "queue: orders, timeout: 9s,"),
        5,
        "components.OrderQueue.timeout",
        "not known",
        "attempt_timeout",
    ),
    (
        "time without offset",
        changed("topic: orders", "topic: orders, since: 2026-01-01T00:00:00"),
        4,
        "components.OrderTopic.since",
        "wrong",
        "offset",
    ),
    ("no endpoint", changed("endpoint: orders-mq, ", ""), 5, "components.OrderQueue.endpoint", "names no endpoint", "orders-mq"),
    ("missing endpoint", changed("orders-mq", "orders-mw"), 5, "components.OrderQueue.endpoint", "no endpoint 'orders-mw'", "'orders-mq'"),
    (
        "endpoint of another kind",
        changed("orders-mq", "prod-kafka"),
        5,
        "components.OrderQueue.endpoint",
        "of kind kafka",
        "There is: orders-mq",
    ),
    ("name of an endpoint", changed("orders-mq", "Orders MQ"), 5, "components.OrderQueue.endpoint", "not the name", "lower case"),
    (
        "component is a text",
        changed("{kind: kafka, endpoint: prod-kafka, topic: orders}", "orders"),
        4,
        "components.OrderTopic",
        "is a mapping",
        "kind",
    ),
    ("name of a component", changed("OrderTopic: ", "1Topic: "), 4, "components.1Topic", "not a name", "Begin with a letter"),
    ("duplicate component", changed("  OrderQueue: ", "  OrderTopic: "), 5, "components.OrderTopic", "twice, first in line 4", "Rename"),
    ("duplicate key", changed("workflow:", "workflow: a\nworkflow:"), 2, "workflow", "twice, first in line 1", "Rename"),
    ("no components", "workflow: a\n", 1, "components", "no components", "Add them"),
    ("empty components", "workflow: a\ncomponents: {}\n", 2, "components", "no components", "Add them"),
    ("no name", changed("workflow: order-processing\n", ""), 1, "workflow", "has no name", "Add 'workflow"),
    ("wrong name", changed("order-processing", "Order Processing"), 1, "workflow", "not a name", "order-processing"),
    ("unknown top key", changed("connections:", "conections:"), 7, "conections", "not known here", "'connections'"),
    (
        "description is a list",
        changed("description: Replays", "description: [Replays]\nx: Replays"),
        2,
        "description",
        "is a list",
        "sentence",
    ),
    ("wrong duration", changed("first: 1s", "first: 90 sec"), 5, "components.OrderQueue.retry.first", "'90 sec'", "Write 90s."),
    ("number as duration", changed("every: 2s", "every: 2"), 6, "components.OrderService.retry.every", "'2'", "Write 2s."),
    ("two units", changed("every: 2s", "every: 1m30s"), 6, "components.OrderService.retry.every", "'1m30s'", "Write 90s."),
    ("minutes in words", changed("every: 2s", "every: 2 minutes"), 6, "components.OrderService.retry.every", "2 minutes", "Write 2m."),
    ("negative duration", changed("every: 2s", "every: -2s"), 6, "components.OrderService.retry.every", "-2s", "number and its unit"),
    ("too long", changed("every: 2s", "every: 400d"), 6, "components.OrderService.retry.every", "longer than a year", "365d"),
    ("unknown strategy", changed("strategy: fixed", "strategy: fixt"), 6, "components.OrderService.retry.strategy", "'fixt'", "'fixed'"),
    ("no strategy", changed("strategy: fixed, ", ""), 6, "components.OrderService.retry", "no strategy", "exponential"),
    ("key of another strategy", changed("every: 2s", "every: 2s, most: 3s"), 6, "components.OrderService.retry.most", "not known", "Known"),
    ("needed key", changed("every: 2s, ", ""), 6, "components.OrderService.retry.every", "needs 'every'", "{strategy: fixed"),
    ("attempts", changed("attempts: 3", "attempts: 0"), 6, "components.OrderService.retry.attempts", "greater than or equal", "{strategy"),
    (
        "retry is a text",
        changed("{strategy: fixed, every: 2s, attempts: 3}", "often"),
        6,
        "components.OrderService.retry",
        "mapping",
        "strategy",
    ),
    (
        "waits are no list",
        changed("{strategy: fixed, every: 2s, attempts: 3}", "{strategy: custom, waits: 3s}"),
        6,
        "components.OrderService.retry.waits",
        "list",
        "waits: [",
    ),
    ("unknown end", changed("to: OrderQueue", "to: OrderQeue"), 8, "connections[0].to", "no component 'OrderQeue'", "'OrderQueue'"),
    ("no end", changed("to: OrderQueue, ", ""), 8, "connections[0].to", "does not say 'to'", "Write"),
    ("unknown connection", changed("kafka-to-mq", "kafka-to-queue"), 8, "connections[0].kind", "no connection of kind", "kafka-to-mq"),
    ("wrong connection", changed("kind: kafka-to-mq", "kind: mq-to-mq"), 8, "connections[0].kind", "can't join", "'kafka-to-mq'"),
    (
        "no messages to hand on",
        changed("from: OrderQueue, to: OrderService, kind: processing", "from: OrderService, to: OrderQueue, kind: processing"),
        9,
        "connections[1].kind",
        "can't join",
        "joined by 'then'. Messages of a service can go to: service (processing). Messages for a mq can come from: database query",
    ),
    ("twice connected", GOOD + "  - {from: OrderTopic, to: OrderQueue}\n", 10, "connections[2]", "twice, first in line 8", "Remove"),
    ("connection is a text", GOOD + "  - OrderTopic\n", 10, "connections[2]", "is a mapping", "from"),
    ("key of a connection", changed("kind: processing", "type: processing"), 9, "connections[1].type", "not known", "Known"),
    ("connections are no list", changed("connections:\n", "connections: {a: b}\nx:\n"), 7, "connections", "are a list", "from"),
    ("unknown trigger", GOOD + "triggers: [{kind: cron}]\n", 10, "triggers[0].kind", "'cron'", "event"),
    ("trigger twice", GOOD + "triggers: [{kind: event}, {kind: event}]\n", 10, "triggers[1]", "twice", "Remove"),
    ("triggers are no list", GOOD + "triggers: event\n", 10, "triggers", "are a list", "kind: event"),
    ("a list at the top", "- a\n- b\n", 1, "", "is a list", "Begin with"),
    ("empty", "  \n", 1, "", "empty", "Begin with"),
    ("only comments", "# nothing\n", 1, "", "only comments", "Begin with"),
    ("tab", "workflow: a\ncomponents:\n\tA: {}\n", 3, "", "not YAML", "spaces"),
    ("open bracket", "workflow: {a\n", 2, "", "not YAML", "brackets"),
    ("colon in a text", "workflow: a\ndescription: b: c\n", 2, "", "not YAML", "quotes"),
    ("second document", GOOD + "---\nworkflow: b\n", 10, "", "second document", "one workflow"),
    ("tag", changed("order-processing", "!!python/object/apply:os.system [id]"), 1, "", "tag", "Remove"),
    ("own tag", changed("topic: orders", "topic: !secret orders"), 4, "", "tag", "Remove"),
    ("anchor", changed("topic: orders", "topic: &t orders"), 4, "", "anchor '&t'", "Remove"),
    ("alias", "workflow: a\ndescription: *x\n", 2, "", "alias '*x'", "Write the value out"),
    ("control character", "workflow: a\x07b\n", 1, "", "not YAML", "UTF-8"),
    ("key is a list", "workflow: a\n? [x]\n: y\n", 2, "", "plain word", "brackets"),
]


@pytest.mark.parametrize(("text", "line", "path", "message", "hint"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_mistake_is_said_at_its_place_with_the_way_out(text: str, line: int, path: str, message: str, hint: str) -> None:
    reading = read(text, ENDPOINTS)
    assert reading.definition is None
    fitting = [problem for problem in reading.problems if problem.path == path and problem.line == line]
    assert fitting, reading.problems
    assert any(message in problem.message and hint in problem.hint for problem in fitting), fitting
    assert all(problem.column >= 1 for problem in fitting)


def test_the_example_is_taken_as_it_stands() -> None:
    reading = read(GOOD, ENDPOINTS)
    assert reading.problems == ()
    assert reading.definition is not None
    assert [(edge.source, edge.target, edge.kind) for edge in reading.definition.connections] == [
        ("OrderTopic", "OrderQueue", "kafka-to-mq"),
        ("OrderQueue", "OrderService", "processing"),
    ]
    retry = reading.definition.components[1].retry
    assert retry is not None
    assert retry.model_dump() == {"strategy": "exponential", "first": 1.0, "factor": 2.0, "most": 30.0, "attempts": 5, "jitter": 0.0}


def test_a_connection_without_its_kind_gets_the_only_one_that_fits() -> None:
    reading = read(changed(", kind: kafka-to-mq", ""), ENDPOINTS)
    assert reading.definition is not None
    assert reading.definition.connections[0].kind == "kafka-to-mq"


def test_a_cycle_is_named() -> None:
    text = """\
workflow: round
components:
  A: {kind: mq, endpoint: orders-mq, queue: a}
  B: {kind: mq, endpoint: orders-mq, queue: b}
  C: {kind: mq, endpoint: orders-mq, queue: c}
connections:
  - {from: A, to: B}
  - {from: B, to: C}
  - {from: C, to: A}
"""
    (problem,) = read(text, ENDPOINTS).problems
    assert "A → B → C → A" in problem.message
    assert problem.line == 9


def test_a_component_behind_itself_is_a_cycle() -> None:
    text = "workflow: a\ncomponents: {A: {kind: mq, endpoint: orders-mq, queue: a}}\nconnections: [{from: A, to: A}]\n"
    assert "A → A" in read(text, ENDPOINTS).problems[0].message


def test_all_mistakes_are_said_at_once_and_the_rest_can_be_drawn() -> None:
    text = GOOD.replace("kind: mq,", "kind: mqq,").replace("every: 2s", "every: 2").replace("topic: orders", "topics: orders")
    reading = read(text, ENDPOINTS)
    assert {problem.path for problem in reading.problems} >= {
        "components.OrderQueue.kind",
        "components.OrderService.retry.every",
        "components.OrderTopic.topics",
    }
    assert [component.name for component in reading.components] == ["OrderTopic", "OrderService"]


HOSTILE = {
    "two megabytes": "a: " + "x" * 2_000_000,
    "200,000 brackets": "[" * 200_000,
    "deep mappings": "{a: " * 100 + "}" * 100,
    "deep lists": "- " * 5000,
    "question marks": "? " * 100_000,
    "100,000 values": "a: [" + "b," * 100_000,
    "laughs": "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a]\n" for n in range(1000)),
    "anchors": "&a " * 80_000,
    "a long text": '"' + "\\n" * 120_000 + '"',
    "only comments": "# x\n" * 60_000,
    "lines": "- a\n" * 60_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_in_bounded_time(text: str) -> None:
    began = time.process_time()
    reading = read(text, ENDPOINTS)
    assert time.process_time() - began < 5
    assert reading.definition is None
    assert len(reading.problems) == 1


def test_the_size_is_said() -> None:
    (problem,) = read("# " + "x" * MAX_YAML_BYTES, ENDPOINTS).problems
    assert "at most 256 KB" in problem.message


def test_too_many_components_are_refused() -> None:
    text = "workflow: a\ncomponents:\n" + "".join(f"  A{n}: {{kind: mq, endpoint: orders-mq, queue: q}}\n" for n in range(501))
    assert "At most 500" in read(text, ENDPOINTS).problems[0].hint
