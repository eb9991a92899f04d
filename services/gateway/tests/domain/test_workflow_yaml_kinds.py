"""The kinds database, api and airflow in YAML: what they need, and what is said where they are wrong."""

import pytest

from gateway.application.commands.endpoints import EndpointInput, check_endpoint
from gateway.domain.workflow_yaml import read
from gateway.domain.workflow_yaml.writing import write
from shared.contracts.kinds import ENDS, JOINS, join_between

ENDPOINTS = {"prod-kafka": "kafka", "shop-db": "database", "shop-api": "api"}
GOOD = """\
workflow: nightly-close
inputs: {day: {type: string, format: date}}
components:
  Orders: {kind: database, endpoint: shop-db, query: "SELECT * FROM orders WHERE day = $1", parameters: [inputs.day], order_by: id}
  Topic:  {kind: kafka, endpoint: prod-kafka, topic: orders}
  Copies: {kind: database, endpoint: shop-db, table: copies, key_columns: [id], statement_timeout: 1m}
  Close:  {kind: database, endpoint: shop-db, statement: CALL close_day($1), parameters: [inputs.day]}
  Tell:   {kind: api, endpoint: shop-api, method: POST, path: "/days/{day}", expect: [200, 409], output: {state: body.state}}
  Report: {kind: airflow, cluster: eu, dag_id: report, conf: {day: "{day}"}, at_most: 6h}
connections:
  - {from: Orders, to: Topic}
  - {from: Topic, to: Copies}
  - {from: Copies, to: Close}
  - {from: Close, to: Tell}
  - {from: Tell, to: Report}
"""


def test_connections_that_name_no_kind_move_messages_where_they_can() -> None:
    reading = read(GOOD, ENDPOINTS)
    assert reading.problems == ()
    assert reading.definition is not None
    joins = [edge.kind for edge in reading.definition.connections]
    assert joins == ["database-to-kafka", "kafka-to-database", "then", "api-call", "then"]
    report = reading.definition.components[-1]
    assert (report.endpoint, report.options["conf"]) == (None, {"day": "{day}"})
    again = read(write(reading.definition, ""), ENDPOINTS)
    assert again.definition == reading.definition


CASES = [
    (
        "an endpoint of airflow",
        "cluster: eu,",
        "cluster: eu, endpoint: shop-api,",
        "components.Report.endpoint",
        "has no endpoint",
        "Remove it",
    ),
    ("no state", "dag_id: report,", "dag_id: report, states: [suces],", "components.Report.states[0]", "no state 'suces'", "'success'"),
    (
        "a secret in a header",
        "method: POST,",
        "method: POST, headers: {authorization: Bearer abc},",
        "components.Tell.headers",
        "'authorization' carries a secret; put it into the endpoint's secrets",
        "no secrets here",
    ),
    ("a header of ours", "method: POST,", "method: POST, headers: {Host: a},", "components.Tell.headers", "set by Flowtower", ""),
    ("input in a placeholder", "/days/{day}", "/days/{dya}", "components.Tell.path", "no input 'dya'", "'day'"),
    ("input in a parameter", "[inputs.day], order", "[inputs.dey], order", "components.Orders.parameters[0]", "no input 'dey'", "'day'"),
    (
        "output of nobody",
        "{state: body.state}",
        "{state: outputs.Clos.rows}",
        "components.Tell.output.state",
        "from 'Clos' to Tell",
        "'Close'",
    ),
    (
        "output of one that is not connected",
        '{day: "{day}"}',
        "{day: \"{outputs['Close'].rows[0].day}\"}",
        "components.Report.conf.day",
        "No connection leads from 'Close' to Report",
        "Tell",
    ),
    ("no cluster", "cluster: eu, ", "", "components.Report.cluster", "needs 'cluster'", "cluster"),
    ("conf of a watch", "conf:", "do: watch, conf:", "components.Report", "'conf' belongs to do: trigger", "dag_id"),
    ("duration of a wait", "at_most: 6h", "at_most: soon", "components.Report.at_most", "'soon'", "90s"),
    ("two operations", "table: copies,", "table: copies, query: SELECT 1,", "components.Copies", "Write one of 'query'", "statement"),
    ("no operation", "table: copies, key_columns: [id], ", "", "components.Copies", "Write one of 'query'", "statement"),
    (
        "option of another operation",
        "table: copies,",
        "table: copies, order_by: id,",
        "components.Copies",
        "'order_by' belongs to 'query'",
        "",
    ),
    ("misspelt option", "key_columns:", "key_column:", "components.Copies.key_column", "not known", "'key_columns'"),
    (
        "expression",
        "[inputs.day], order_by",
        "[input.day], order_by",
        "components.Orders.parameters[0]",
        "no variable “input.day”",
        "input.day",
    ),
    ("placeholder", "/days/{day}", "/days/{day", "components.Tell.path", "no placeholder", "Path below"),
    ("expression in a placeholder", "/days/{day}", "/days/{inputs.}", "components.Tell.path", "can't be read", "character"),
    ("output", "state: body.state", "state: bdy.state", "components.Tell.output.state", "no variable “bdy.state”", "bdy.state"),
    ("template in a list", '{day: "{day}"}', '{days: ["x", "{days[}"]}', "components.Report.conf.days[1]", "can't be read", "days["),
    (
        "messages into a statement",
        "to: Copies}",
        "to: Close, kind: kafka-to-database}",
        "connections[1].kind",
        "database execute",
        "database write",
    ),
    (
        "messages out of a table",
        "to: Close}",
        "to: Topic, kind: database-to-kafka}",
        "connections[2].kind",
        "database write",
        "holds no messages",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "message", "hint"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_mistake_is_said_at_its_place(old: str, new: str, path: str, message: str, hint: str) -> None:
    assert old in GOOD
    reading = read(GOOD.replace(old, new, 1), ENDPOINTS)
    assert reading.definition is None
    fitting = [problem for problem in reading.problems if problem.path == path]
    assert any(message in problem.message and hint in problem.hint for problem in fitting), reading.problems
    line = GOOD[: GOOD.index(old)].count("\n") + 1
    assert {problem.line for problem in fitting} == {line}


@pytest.mark.parametrize(("header", "words"), [("Authorization", "put it into the endpoint's secrets"), ("host", "set by Flowtower")])
@pytest.mark.parametrize("kind", ["api", "service"])
def test_an_endpoint_writes_no_header_that_carries_a_secret_or_is_ours(kind: str, header: str, words: str) -> None:
    given = EndpointInput(name="shop", kind=kind, options={"base_url": "https://shop.example.com", "headers": {header: "x"}})
    (problem,) = check_endpoint(given, None, None)  # type: ignore[arg-type] - no address is looked at
    assert problem.field == "options.headers"
    assert words in problem.message


def test_every_pair_is_joined_and_messages_come_first() -> None:
    for source in ENDS:
        for target in ENDS:
            join = join_between(source, target)
            assert join is not None
            assert join.data == any(other.data and (source, target) in other.pairs for other in JOINS.values())
            assert (source, target) in JOINS["then"].pairs
    assert join_between("kafka", "pigeon") is None
