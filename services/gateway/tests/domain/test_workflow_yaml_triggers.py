"""Triggers in YAML: every kind is read, a mistake is said at its place, and writing keeps what people wrote."""

import pytest

from gateway.domain.workflow_yaml import read, write
from shared.contracts.workflows import DagTrigger, EventTrigger, KafkaTrigger, ScheduleTrigger

HEAD = "workflow: w\ncomponents:\n  A: {kind: kafka, endpoint: prod, topic: x}\n"
ENDPOINTS = {"prod": "kafka", "orders-mq": "mq"}
ALL = (
    HEAD
    + """triggers:
  # Why we listen.
  - {kind: kafka, endpoint: prod, topic: orders, filter: 'value.total > 10', map: {order: value.id, who: "headers['who']"}} # keep
  - kind: schedule   # every day
    cron: 0 6 * * 1-5
    time_zone: Europe/Berlin   # where we are
    catch_up: last
    name: schedule
  - {kind: dag, name: after-etl, cluster: prod, dag_id: etl, states: [success, failed], inputs: {a: 1, b: {c: [1, 2]}}}
  - {kind: event}
"""
)


def test_every_kind_is_read_and_written_back_to_the_letter() -> None:
    reading = read(ALL, ENDPOINTS, ["prod"])
    assert reading.problems == ()
    assert reading.definition is not None
    assert reading.definition.triggers == (
        KafkaTrigger(
            name="kafka", endpoint="prod", topic="orders", filter="value.total > 10", map={"order": "value.id", "who": "headers['who']"}
        ),
        ScheduleTrigger(name="schedule", cron="0 6 * * 1-5", time_zone="Europe/Berlin"),
        DagTrigger(name="after-etl", cluster="prod", dag_id="etl", states=("success", "failed"), inputs={"a": 1, "b": {"c": [1, 2]}}),
        EventTrigger(),
    )
    assert write(reading.definition, ALL) == ALL
    alone = write(reading.definition)
    assert "  - {kind: schedule, cron: 0 6 * * 1-5, time_zone: Europe/Berlin}\n" in alone
    assert read(alone).definition == reading.definition
    changed = reading.definition.model_copy(update={"triggers": (*reading.definition.triggers[:1], EventTrigger())})
    assert "# Why we listen." in write(changed, ALL)
    assert read(write(changed, ALL)).definition == changed


CASES = [
    ("{kind: crno, cron: 0 6 * * *}", "kind", "no trigger of kind 'crno'", "Known: dag, event, kafka, schedule"),
    ("{kind: kafak}", "kind", "no trigger of kind 'kafak'", "Did you mean 'kafka'?"),
    ("{kind: [kafka]}", "kind", "a list", "Known"),
    ("3", "", "A trigger is a mapping", "cron"),
    ("{kind: event, name: x}", "name", "not known for a trigger", "no options"),
    ("{kind: kafka, endpoint: prod, topic: t, fliter: 'true'}", "fliter", "not known for a kafka trigger", "Did you mean 'filter'?"),
    ("{kind: kafka, topic: t}", "endpoint", "needs 'endpoint'", "prod-kafka"),
    ("{kind: kafka, endpoint: prdo, topic: t}", "endpoint", "no endpoint 'prdo'", "Did you mean 'prod'?"),
    ("{kind: kafka, endpoint: orders-mq, topic: t}", "endpoint", "is of kind mq", "kafka endpoint"),
    ("{kind: kafka, endpoint: prod, topic: 'a b'}", "topic", "wrong for 'topic'", "topic: orders"),
    ("{kind: kafka, endpoint: prod, topic: t, filter: value.x >}", "filter", "can't be read", "variables value, key"),
    ("{kind: kafka, endpoint: prod, topic: t, filter: '1 + 1'}", "filter", "must be true or false", "variables"),
    ("{kind: kafka, endpoint: prod, topic: t, filter: valeu}", "filter", "no variable “valeu”", "value"),
    ("{kind: kafka, endpoint: prod, topic: t, filter: true}", "filter", "always true decides nothing", "CEL in quotes"),
    ("{kind: kafka, endpoint: prod, topic: t, filter: [a]}", "filter", "a text in CEL, and this is a list", "CEL in quotes"),
    ("{kind: kafka, endpoint: prod, topic: t, map: {order id: key}}", "map.order id", "not a name for an input", "letter"),
    ("{kind: kafka, endpoint: prod, topic: t, map: {x: dag_id}}", "map.x", "no variable “dag_id”", "value"),
    ("{kind: kafka, endpoint: prod, topic: t, map: key}", "map", "A map is a mapping", "headers"),
    ("{kind: kafka, endpoint: prod, topic: t, most_per_minute: 0}", "most_per_minute", "greater than or equal to 1", "Write"),
    ("{kind: schedule, cron: 0 0 30 2 *}", "cron", "never fires", "Correct the day"),
    ("{kind: schedule, cron: 0 25 * * *}", "cron", "“25” is no hour", "0 to 23"),
    ("{kind: schedule, cron: 6}", "cron", "has 1", "five fields|minute, hour"),
    ("{kind: schedule}", "cron", "needs 'cron'", "cron: 0 6"),
    (
        "{kind: schedule, cron: 0 6 * * *, time_zone: Europe/Berlni}",
        "time_zone",
        "no time zone 'Europe/Berlni'",
        "Did you mean 'Europe/Berlin'?",
    ),
    ("{kind: schedule, cron: 0 6 * * *, time_zone: [UTC]}", "time_zone", "no time zone a list", "Known"),
    ("{kind: schedule, cron: 0 6 * * *, time_zone: {}}", "time_zone", "no time zone a mapping", "Known"),
    ("{kind: dag, cluster: [prod], dag_id: etl}", "cluster", "no cluster a list", "prod"),
    ("{kind: schedule, cron: 0 6 * * *, catch_up: lsat}", "catch_up", "'none', 'last' or 'all'", "Write"),
    ("{kind: schedule, cron: 0 6 * * *, inputs: 3}", "inputs", "Inputs are a mapping", "nightly"),
    ("{kind: schedule, cron: 0 6 * * *, name: 1x}", "name", "not a name for a trigger", "Begin with a letter"),
    ("{kind: dag, cluster: prdo, dag_id: etl}", "cluster", "no cluster 'prdo'", "Did you mean 'prod'?"),
    ("{kind: dag, cluster: prod, dag_id: etl, map: {x: run_id}}", "map.x", "no variable “run_id”", "dag_run_id"),
    ("{kind: dag, cluster: prod, dag_id: etl, states: [success, sucess]}", "states[1]", "no state 'sucess'", "Did you mean 'success'?"),
    ("{kind: dag, cluster: prod, dag_id: etl, states: []}", "states", "at least 1", "states"),
]


@pytest.mark.parametrize(("trigger", "key", "message", "hint"), CASES)
def test_a_mistake_is_said_at_its_place_with_the_way_out(trigger: str, key: str, message: str, hint: str) -> None:
    reading = read(f"{HEAD}triggers:\n  - {trigger}\n", ENDPOINTS, ["prod"])
    assert reading.definition is None
    path = f"triggers[0].{key}" if key else "triggers[0]"
    found = [problem for problem in reading.problems if problem.path == path]
    assert found, reading.problems
    assert found[0].line == 5
    assert message in found[0].message
    assert any(word in found[0].hint for word in hint.split("|")), found[0]


def test_names_are_unique_and_a_trigger_without_one_is_called_by_its_kind() -> None:
    text = f"{HEAD}triggers:\n  - {{kind: schedule, cron: 0 6 * * *}}\n  - {{kind: schedule, cron: 0 7 * * *}}\n"
    (problem,) = read(text).problems
    assert (problem.line, problem.path) == (6, "triggers[1].name")
    assert "'schedule' stands here twice, first in line 5" in problem.message
    named = text.replace("0 7 * * *", "0 7 * * *, name: later")
    definition = read(named).definition
    assert definition is not None
    assert [trigger.name for trigger in definition.triggers] == ["schedule", "later"]  # type: ignore[union-attr]


def test_no_more_than_fifty() -> None:
    many = "".join(f"  - {{kind: schedule, name: t{number}, cron: 0 6 * * *}}\n" for number in range(51))
    (problem,) = read(f"{HEAD}triggers:\n{many}").problems
    assert "At most 50" in problem.hint


INPUTS = """inputs:
  day: {type: string, format: date}
  limit: {type: integer, minimum: 1, default: 100}
"""
WRONG_INPUTS = [
    ("{kind: schedule, cron: 0 6 * * *}", "", "{kind", "gives no day", "'inputs' of the trigger"),
    ("{kind: kafka, endpoint: prod, topic: t}", "", "{kind", "gives no day", "'map' or 'inputs'"),
    ("{kind: schedule, cron: 0 6 * * *, inputs: {day: soon}}", ".inputs.day", "soon", 'is not a "date"', "2026-11-22"),
    ("{kind: schedule, cron: 0 6 * * *, inputs: {day: 2026-11-22, limit: 0}}", ".inputs.limit", "0}", "less than the minimum", "whole"),
    ("{kind: schedule, cron: 0 6 * * *, inputs: {day: 2026-11-22, limt: 5}}", ".inputs.limt", "limt", "no input 'limt'", "'limit'"),
    ("{kind: kafka, endpoint: prod, topic: t, map: {dya: key}, inputs: {day: 2026-11-22}}", ".map.dya", "dya", "no input 'dya'", "'day'"),
    ("{kind: dag, cluster: prod, dag_id: d, map: {days: state}}", ".map.days", "days", "no input 'days'", "'day'"),
]


@pytest.mark.parametrize(("trigger", "path", "stands", "message", "hint"), WRONG_INPUTS)
def test_what_would_refuse_every_start_is_said_where_it_stands(trigger: str, path: str, stands: str, message: str, hint: str) -> None:
    text = f"{HEAD}{INPUTS}triggers:\n  - {trigger}\n"
    found = [problem for problem in read(text, ENDPOINTS, ["prod"]).problems if problem.path == f"triggers[0]{path}"]
    assert any(message in problem.message and hint in problem.hint for problem in found), read(text, ENDPOINTS, ["prod"]).problems
    assert all(text.splitlines()[problem.line - 1][problem.column - 1 :].startswith(stands) for problem in found)


@pytest.mark.parametrize("inputs", [INPUTS, ""])
def test_triggers_that_give_what_is_needed_are_taken(inputs: str) -> None:
    triggers = [
        "{kind: schedule, cron: 0 6 * * *, inputs: {day: 2026-11-22}}",
        "{kind: kafka, endpoint: prod, topic: t, map: {day: value.day, limit: value.n}, inputs: {limit: whatever}}",
        "{kind: dag, cluster: prod, dag_id: d, map: {day: dag_run_id}}",
        "{kind: event}",
    ]
    text = f"{HEAD}{inputs}triggers:\n" + "".join(f"  - {trigger}\n" for trigger in triggers)
    assert read(text, ENDPOINTS, ["prod"]).problems == ()


def test_an_expression_is_wrong_at_its_very_character() -> None:
    text = f"{HEAD}triggers:\n  - {{kind: kafka, endpoint: prod, topic: t, filter: 'value.x > 1 &&', map: {{x: valeu.y}}}}\n"
    found = {problem.path: text.splitlines()[4][problem.column - 1 :] for problem in read(text, ENDPOINTS).problems}
    assert found["triggers[0].filter"].startswith("', map")
    assert found["triggers[0].map.x"].startswith(("valeu.y", ".y"))
