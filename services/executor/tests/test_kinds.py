"""What connectors decide without their systems: steps, placeholders, batches of rows, places of an order, and the news of DAG runs."""

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.application.clusters import DagRunNews
from executor.application.filling import Filling
from executor.application.ports import Outcome, Permanent, Place, Retryable, Trouble, Work
from executor.application.steps import Step, step_of
from executor.connectors.airflow.config import ComponentOptions as AirflowOptions
from executor.connectors.airflow.verdict import verdict
from executor.connectors.database.order import number_of, value_of
from executor.connectors.database.table import Table
from executor.connectors.database.writer import batched
from executor.registry import connectors_of
from shared.contracts.kinds import KINDS
from shared.contracts.kinds.templates import Placeholder, pieces
from shared.contracts.workflows import Component, Connection
from shared.runtime.egress import Egress, EgressPolicy

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONNECTORS = connectors_of(Egress(EgressPolicy()), None)  # type: ignore[arg-type]
OPTIONS: dict[str, dict[str, Any]] = {
    "kafka": {"topic": "t"},
    "mq": {"queue": "q"},
    "database": {"table": "t"},
    "service": {},
    "api": {},
    "airflow": {"cluster": "c", "dag_id": "d"},
}


def place(kind: str, name: str = "It", **options: Any) -> Place:
    return Place(Component(name=name, kind=kind), KINDS[kind].component.model_validate(options or OPTIONS[kind]), None)


def step(kind: str, *before: tuple[str, str], **options: Any) -> Step:
    """Return the step of a component behind others; each is (kind, join)."""
    sources = tuple((Connection(source=f"S{n}", target="It", kind=join), place(of, f"S{n}")) for n, (of, join) in enumerate(before))
    return step_of(CONNECTORS[kind], place(kind, **options), sources, CONNECTORS)


def test_only_connections_that_carry_messages_make_a_component_move_them() -> None:
    assert step("kafka") is step("kafka", ("kafka", "then")) is step("database", ("mq", "then"), query="SELECT 1") is Step.BEGIN
    assert step("kafka", ("kafka", "kafka-to-kafka")) is step("database", ("kafka", "kafka-to-database")) is Step.TRANSFER
    assert step("database", ("kafka", "kafka-to-database"), ("service", "then")) is Step.TRANSFER
    assert step("service", ("kafka", "processing")) is step("service", ("database", "processing"), ("api", "then")) is Step.EACH
    assert step("service", ("kafka", "service-call")) is step("service", ("kafka", "then")) is step("service") is Step.ONCE
    assert step("service", ("service", "processing")) is Step.ONCE
    assert {step(kind, ("kafka", join)) for kind, join in (("api", "api-call"), ("airflow", "then"))} == {Step.ACT}


def work(*names: str, inputs: dict[str, Any] | None = None, join: str = "kafka-to-kafka") -> Work:
    sources = tuple((Connection(source=n, target="It", kind=join), place("kafka", n)) for n in names)
    return Work("r", place("kafka"), 1, "r:It:1", inputs=inputs or {}, sources=sources)


def test_messages_of_several_sources_never_share_a_name() -> None:
    one, several = work("A"), work("A", "B")
    assert one.origin(one.sources[0][1]) == "r:It:1"
    assert [several.origin(source) for _, source in several.sources] == ["r:It:1:A", "r:It:1:B"]
    assert work("A", "B", join="then").feeds == ()


@given(st.text(max_size=40))
def test_every_text_can_be_written_as_a_template(text: str) -> None:
    template = text.replace("{", "{{").replace("}", "}}")
    assert "".join(str(part) for part in pieces(template)) == text
    assert Filling(work()).value({"a": [template]}, "body") == {"a": [text]}


@given(
    st.recursive(st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3))
)
def test_a_placeholder_alone_keeps_its_type(value: Any) -> None:
    assert Filling(work(inputs={"it": value})).value("{it}", "body") == value


def test_braces_that_do_not_match_are_refused() -> None:
    for text in ("{", "}", "{}", "a {b", "{{{", "{a{b}}"):
        with pytest.raises(ValueError, match="no placeholder"):
            pieces(text)
    assert pieces("{ outputs.A.b + 1 }x") == (Placeholder("outputs.A.b + 1"), "x")


@pytest.mark.parametrize(
    ("kind", "values", "after"),
    [
        ("int8", st.integers(-(2**63), 2**63 - 2), lambda value: value + 1),
        ("uuid", st.uuids().filter(lambda value: value.int < 2**128 - 1), lambda value: uuid.UUID(int=value.int + 1)),
        ("date", st.dates(max_value=date(9999, 12, 30)), lambda value: value + timedelta(days=1)),
        (
            "timestamptz",
            st.datetimes(max_value=datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
            lambda value: value + timedelta(microseconds=1),
        ),
        ("timestamp", st.datetimes(max_value=datetime(9999, 12, 30)), lambda value: value + timedelta(microseconds=1)),  # noqa: DTZ001
    ],
)
def test_the_place_behind_a_value_is_the_next_value(kind: str, values: st.SearchStrategy[Any], after: Callable[[Any], Any]) -> None:
    @given(values)
    def holds(value: Any) -> None:
        assert value_of(number_of(value), kind) == value
        assert value_of(number_of(value) + 1, kind) == after(value)

    holds()


def table(*key: str, ignore: bool = False) -> Table:
    return Table('"t"', dict.fromkeys("kabc", "text"), {}, None, None, key, ignore)


ROWS = st.lists(st.fixed_dictionaries({"k": st.integers(0, 3)}, optional={"a": st.integers(), "b": st.integers()}), max_size=30)


@given(ROWS, st.booleans())
def test_batches_end_where_single_rows_would(rows: list[dict[str, Any]], ignore: bool) -> None:
    def apply(state: dict[int, dict[str, Any]], row: dict[str, Any]) -> None:
        if not (ignore and row["k"] in state):
            state[row["k"]] = state.get(row["k"], {}) | row

    one_by_one: dict[int, dict[str, Any]] = {}
    for row in rows:
        apply(one_by_one, row)
    at_once: dict[int, dict[str, Any]] = {}
    for columns, batch in batched(rows, table("k", ignore=ignore)):
        # The server refuses a statement that touches one key twice.
        assert len({row["k"] for row in batch}) == len(batch)
        assert all(tuple(sorted(row)) == columns for row in batch)
        for row in batch:
            apply(at_once, row)
    assert at_once == one_by_one
    assert [row for _, batch in batched(rows, table()) for row in batch] == rows


def test_names_in_statements_are_quoted() -> None:
    odd = Table('"t"', {'a"; DROP TABLE x; --': "text", "k": "text"}, {}, None, None, ("k",), ignore=False)
    assert '"a""; DROP TABLE x; --" = excluded."a""; DROP TABLE x; --"' in odd.statement(('a"; DROP TABLE x; --', "k"))


def news(**changes: Any) -> DagRunNews:
    known: dict[str, Any] = {
        "since": NOW - timedelta(seconds=90),
        "now": NOW,
        "dag_run_id": "run-1",
        "command": "confirmed",
        "reason": "",
        "state": None,
        "started_at": None,
        "ended_at": None,
        "registered": True,
        "reach": "answered",
        "detail": "",
        "observed_at": NOW - timedelta(seconds=3),
    }
    return DagRunNews(**(known | changes))


def judged(changes: dict[str, Any], **options: Any) -> Outcome | str:
    return verdict(AirflowOptions.model_validate({"cluster": "eu", "dag_id": "close"} | options), "c1", news(**changes))


def test_a_dag_run_ends_the_wait_by_its_state() -> None:
    done = judged({"state": "success", "ended_at": NOW})
    assert isinstance(done, Outcome)
    assert (done.output["dag_run_id"], done.output["ended_at"]) == ("run-1", NOW.isoformat())
    assert isinstance(judged({"state": "failed"}, states=["success", "failed"]), Outcome)
    assert isinstance(judged({"state": "running"}, states=["running"]), Outcome)
    assert isinstance(judged({"state": "queued"}, wait=False), Outcome)
    # It was started after all: what the command says counts no more.
    assert isinstance(judged({"state": "success", "command": "refused"}), Outcome)


@pytest.mark.parametrize(
    ("changes", "options", "kind", "code"),
    [
        ({"state": "failed"}, {}, Permanent, "DagRunFailed"),
        ({"state": "success"}, {"states": ["failed"]}, Permanent, "DagRunFailed"),
        ({"state": "removed"}, {}, Permanent, "DagRunGone"),
        ({"state": "failed"}, {"wait": False}, Permanent, "DagRunFailed"),
        ({"command": "refused", "reason": "no such DAG"}, {}, Permanent, "CommandRefused"),
        ({"command": "refused", "reach": "unreachable"}, {}, Retryable, "CommandRefused"),
        ({"registered": False}, {}, Permanent, "ClusterUnknown"),
        ({"state": "running"}, {"at_most": "1m"}, Permanent, "WaitOver"),
        ({"reach": "unreachable"}, {"at_most": "1m"}, Permanent, "WaitOver"),
    ],
)
def test_what_ends_the_wait_otherwise_has_its_name(
    changes: dict[str, Any], options: dict[str, Any], kind: type[Trouble], code: str
) -> None:
    with pytest.raises(kind) as caught:
        judged(changes, **options)
    assert caught.value.code == code
    if "state" in changes:
        assert caught.value.answer == f"state: {changes['state']}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "running"}, "is running"),
        ({"command": "asked"}, "is asked for"),
        ({"command": None, "dag_run_id": None}, "next run of close"),
        ({"command": None}, "has not been seen yet"),
        ({"reach": "unreachable", "detail": "no route", "state": "running"}, "unreachable: no route"),
        (
            {"observed_at": NOW - timedelta(seconds=61), "state": "running"},
            "state is unknown. It was last seen as running. The wait goes on",
        ),
        ({"observed_at": None}, "Nothing has been heard of eu yet"),
    ],
)
def test_a_wait_says_what_it_waits_for(changes: dict[str, Any], words: str) -> None:
    said = judged(changes, at_most="2m")
    assert isinstance(said, str)
    assert words in said
