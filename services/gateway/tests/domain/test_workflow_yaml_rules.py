"""Inputs, limits, rules of components and conditions in YAML: read as they are meant, and wrong ones said at their place."""

import pytest

from gateway.domain.workflow_yaml import read
from gateway.domain.workflow_yaml.components import OWN_KEYS
from shared.contracts.kinds import KINDS
from shared.contracts.workflows import CustomRetry, ErrorClasses

GOOD = """\
workflow: order-processing
inputs:
  day: {type: string, format: date}
  limit: {type: integer, minimum: 1, default: 100}
  order: object
business_key: inputs.order.id
timeout: 2h
concurrency: 5
priority: 7
components:
  Topic: {kind: kafka, endpoint: prod-kafka, topic: orders}
  Queue: {kind: mq, endpoint: m, queue: orders, attempt_timeout: 30s, deadline: 5m, errors: {retry: [ConnectionRefused], fail: ["*"]}}
  Other: {kind: mq, endpoint: orders-mq, queue: others}
  Service: {kind: service, endpoint: order-service, path: /orders, join: 2, retry: {strategy: custom, plugin: office-hours, attempts: 9}}
  Undo: {kind: service, endpoint: order-service, path: /undo, compensates: Queue}
connections:
  - {from: Topic, to: Queue, when: inputs.limit > 3}
  - {from: Topic, to: Other, when: 'inputs.order.country == "DE"'}
  - {from: Queue, to: Service, when: output.confirmed > 0}
  - {from: Other, to: Service}
"""


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_everything_is_read_as_it_is_meant() -> None:
    definition = read(GOOD).definition
    assert definition is not None
    assert definition.inputs == {
        "day": {"type": "string", "format": "date"},
        "limit": {"type": "integer", "minimum": 1, "default": 100},
        "order": {"type": "object"},
    }
    assert (definition.business_key, definition.timeout) == ("inputs.order.id", 7200.0)
    assert (definition.concurrency, definition.priority) == (5, 7)
    by_name = {component.name: component for component in definition.components}
    assert by_name["Queue"].deadline == 300.0
    assert by_name["Queue"].errors == ErrorClasses(retry=("ConnectionRefused",), fail=("*",))
    assert by_name["Service"].join == 2
    assert by_name["Service"].retry == CustomRetry(plugin="office-hours", attempts=9)
    assert by_name["Undo"].compensates == "Queue"
    assert [edge.when for edge in definition.connections] == [
        "inputs.limit > 3",
        'inputs.order.country == "DE"',
        "output.confirmed > 0",
        None,
    ]


CASES = [
    # what, text, line, what stands there, path, part of the message, part of the hint
    ("inputs are a list", changed("inputs:\n  day:", "inputs: [a]\nx:\n  day:"), 2, "[a]", "inputs", "are a mapping", "day: string"),
    ("name of an input", changed("  day:", "  order-day:"), 3, "order-day", "inputs.order-day", "not a name", "letters, digits and _"),
    ("short type", changed("order: object", "order: objct"), 5, "objct", "inputs.order", "no type 'objct'", "'object'"),
    ("input is a number", changed("order: object", "order: 7"), 5, "7", "inputs.order", "a type or a JSON Schema", "day: string"),
    ("type", changed("type: integer,", "type: integr,"), 4, "integr", "inputs.limit.type", "no type 'integr'", "'integer'"),
    ("keyword's value", changed("minimum: 1", "minimum: one"), 4, "one", "inputs.limit.minimum", "no JSON Schema", "2020-12"),
    ("default", changed("default: 100", "default: 0"), 4, "0", "inputs.limit.default", "0 is less than the minimum of 1", "Change one"),
    (
        "reference",
        changed("order: object", "order: {$ref: 'https://x.test/y'}"),
        5,
        "'https://x.test/y'",
        "inputs.order.$ref",
        "'$ref' is not taken",
        "Write the",
    ),
    (
        "pattern",
        changed("order: object", "order: {type: string, pattern: '('}"),
        5,
        "'('",
        "inputs.order.pattern",
        "no JSON Schema",
        "2020-12",
    ),
    ("key does not compile", changed("inputs.order.id", "inputs.order."), 6, "", "business_key", "can't be read", "business_key: inputs"),
    (
        "key of no variable",
        changed("inputs.order.id", "order.id"),
        6,
        ".id",
        "business_key",
        "no variable “order.id”",
        "business_key: inputs",
    ),
    ("key of no input", changed("inputs.order.id", "inputs.oder.id"), 6, "oder.id", "business_key", "no input 'oder'", "'order'"),
    ("key is a number", changed("inputs.order.id", "7"), 6, "7", "business_key", "a text in CEL", "business_key: inputs"),
    ("timeout", changed("timeout: 2h", "timeout: 2"), 7, "2", "timeout", "'2' is not a duration", "Write 2s."),
    ("no time", changed("timeout: 2h", "timeout: 0s"), 7, "0s", "timeout", "no time at all", "30s"),
    ("concurrency", changed("concurrency: 5", "concurrency: 0"), 8, "0", "concurrency", "from 1 to 100,000", "under way at once"),
    ("priority", changed("priority: 7", "priority: urgent"), 9, "urgent", "priority", "'urgent' is wrong", "9 goes first"),
    ("priority is true", changed("priority: 7", "priority: true"), 9, "true", "priority", "from 0 to 9", "9 goes first"),
    ("misspelt top key", changed("concurrency:", "concurency:"), 8, "concurency", "concurency", "not known here", "'concurrency'"),
    (
        "short deadline",
        changed("deadline: 5m", "deadline: 20s"),
        12,
        "20s",
        "components.Queue.deadline",
        "before one attempt's",
        "all attempts",
    ),
    (
        "errors",
        changed('{retry: [ConnectionRefused], fail: ["*"]}', "often"),
        12,
        "often",
        "components.Queue.errors",
        "mapping",
        "retry: [",
    ),
    (
        "error class",
        changed("{retry: [Conn", "{retri: [Conn"),
        12,
        "retri",
        "components.Queue.errors.retri",
        "not known for errors",
        "'retry'",
    ),
    (
        "code",
        changed("[ConnectionRefused]", "[503]"),
        12,
        "503]",
        "components.Queue.errors.retry[0]",
        "'503' is not the code",
        "HttpStatus:503",
    ),
    (
        "code twice",
        changed('["*"]', "[ConnectionRefused]"),
        12,
        "ConnectionRefused]",
        "components.Queue.errors.fail[0]",
        "under 'retry'",
        "one class",
    ),
    ("codes are a text", changed('["*"]', '"*"'), 12, '"*"', "components.Queue.errors.fail", "are a list", "park"),
    ("join", changed("join: 2", "join: al"), 14, "al", "components.Service.join", "'al' is wrong", "'all'"),
    ("join of none", changed("join: 2", "join: 0"), 14, "0", "components.Service.join", "'0' is wrong", "'any'"),
    ("join of too many", changed("join: 2", "join: 3"), 14, "3", "components.Service.join", "2 connections lead to Service", "at most 2"),
    (
        "join of nothing",
        changed("topic: orders}", "topic: orders, join: any}"),
        11,
        "any",
        "components.Topic.join",
        "none leads to Topic",
        "connect",
    ),
    (
        "both",
        changed("plugin: office-hours, attempts: 9", "plugin: a, waits: [1s]"),
        14,
        "plugin",
        "components.Service.retry.plugin",
        "'waits' and",
        "one",
    ),
    (
        "neither",
        changed("plugin: office-hours, attempts: 9", "attempts: 9"),
        14,
        "{strategy",
        "components.Service.retry",
        "needs 'waits' or",
        "plugin",
    ),
    ("no wait", changed("plugin: office-hours, attempts: 9", "waits: []"), 14, "waits", "components.Service.retry.waits", "is empty", "1m"),
    (
        "attempts and waits",
        changed("plugin: office-hours, ", "waits: [1s], "),
        14,
        "attempts",
        "components.Service.retry.attempts",
        "as many",
        "Remove",
    ),
    (
        "name of a plug-in",
        changed("office-hours", "'office hours'"),
        14,
        "'office",
        "components.Service.retry.plugin",
        "not the name",
        "installed",
    ),
    (
        "compensates itself",
        changed("compensates: Queue", "compensates: Undo"),
        15,
        "Undo",
        "components.Undo.compensates",
        "itself",
        "undoes",
    ),
    (
        "compensates nothing",
        changed("compensates: Queue", "compensates: Quee"),
        15,
        "Quee",
        "components.Undo.compensates",
        "'Quee'",
        "'Queue'",
    ),
    (
        "compensates a compensation",
        changed("connections:", "  Redo: {kind: service, endpoint: order-service, path: /a, compensates: Undo}\nconnections:"),
        16,
        "Undo",
        "components.Redo.compensates",
        "is a compensation itself",
        "undoes",
    ),
    (
        "compensated twice",
        changed("connections:", "  Redo: {kind: service, endpoint: order-service, path: /a, compensates: Queue}\nconnections:"),
        16,
        "Queue",
        "components.Redo.compensates",
        "Queue is compensated twice, by Undo and Redo",
        "Keep one",
    ),
    (
        "compensates no name",
        changed("compensates: Queue", "compensates: 2026-01-01"),
        15,
        "2026",
        "components.Undo.compensates",
        "not the name of a component",
        "undoes",
    ),
    (
        "compensation with a connection",
        GOOD + "  - {from: Service, to: Undo}\n",
        15,
        "Queue",
        "components.Undo.compensates",
        "has connections too",
        "remove its connections",
    ),
    ("condition", changed("inputs.limit > 3", "inputs.limit >"), 17, "}", "connections[0].when", "can't be read", "when: output"),
    ("quoted condition", changed('country == "DE"', "country = 1"), 18, "=", "connections[1].when", "can't be read", "when: output"),
    (
        "type of a condition",
        changed("inputs.limit > 3", "size(inputs)"),
        17,
        "size(inputs)",
        "connections[0].when",
        "must be true or false",
        "when: output",
    ),
    (
        "other variable",
        changed("output.confirmed > 0", "value.x > 0"),
        19,
        ".x",
        "connections[2].when",
        "There are: inputs, output",
        "when",
    ),
    ("other input", changed("inputs.limit > 3", "inputs.limt > 3"), 17, "limt", "connections[0].when", "no input 'limt'", "'limit'"),
    ("always true", changed("when: inputs.limit > 3", "when: true"), 17, "true", "connections[0].when", "decides nothing", "when: output"),
    ("always the same", changed("inputs.limit > 3", "1 < 2"), 17, "1", "connections[0].when", "always says the same", "remove it"),
    ("key of a connection", changed("when: inputs.limit", "wen: inputs.limit"), 17, "wen", "connections[0].wen", "not known", "'when'"),
]


@pytest.mark.parametrize(
    ("text", "line", "stands", "path", "message", "hint"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_mistake_is_said_at_its_character_with_the_way_out(text: str, line: int, stands: str, path: str, message: str, hint: str) -> None:
    reading = read(text)
    assert reading.definition is None
    fitting = [problem for problem in reading.problems if problem.path == path]
    assert fitting, reading.problems
    assert any(message in problem.message and hint in problem.hint for problem in fitting), fitting
    places = [(problem.line, text.splitlines()[problem.line - 1][problem.column - 1 :]) for problem in fitting]
    assert any(at == line and rest.startswith(stands) for at, rest in places), places


def test_a_text_inside_an_expression_is_not_read_as_an_input() -> None:
    assert read(changed("inputs.limit > 3", '\'inputs.limit > 3 && "inputs.nothing" != ""\'')).problems == ()


def test_no_option_of_a_kind_has_the_name_of_a_key_that_every_component_has() -> None:
    assert [(kind.name, name) for kind in KINDS.values() for name in kind.component.model_fields if name in OWN_KEYS] == []
