"""The simulation answers as the recorded Airflow 2.11 and 3.3 did: same status, content type, keys and types.

Each answer is also held to the schema that the OpenAPI document of that Airflow gives for its path, method and status.
"""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from simulated_airflow.catalogue import demo_catalogue, recorded_catalogue
from simulated_airflow.serving import Simulated, simulated_cluster
from simulated_airflow.world import World

RECORDED = Path(__file__).parent / "recorded"
RUN = "recorded__2026-11-22T00:00:00"
CALLS = [(dialect, call) for dialect in ("v1", "v2") for call in json.loads((RECORDED / dialect / "calls.json").read_text())]
FREE = frozenset({"conf", "rendered_fields", "input"})
"""Objects whose keys are the user's, not Airflow's."""


@pytest.fixture(scope="module")
def clusters() -> Iterator[dict[str, Simulated]]:
    """Give both dialects with the DAGs and runs of the recordings, all of them long over."""
    with simulated_cluster("v1", recorded_catalogue()) as one, simulated_cluster("v2", recorded_catalogue()) as two:
        for simulated in (one, two):
            world = simulated.world
            for dag_id in ("fails", "retries", "mapped"):
                world.trigger(dag_id, RUN, now=datetime.now(UTC), conf={}, note="started by hand", logical_date=None, by="admin")
        yield {"v1": one, "v2": two}


def headers(dialect: str, call: dict[str, Any], simulated: Simulated) -> dict[str, str]:
    given = dict(call["headers"] or {})
    if "Authorization" in given and dialect == "v1":
        return given
    if "viewer" in call["name"] and dialect == "v2":
        return {"Authorization": f"Bearer {token(simulated, 'viewer')}"}
    if call["auth"] and "Authorization" not in given:
        given["Authorization"] = "Basic YWRtaW46YWRtaW4=" if dialect == "v1" else f"Bearer {token(simulated, 'admin')}"
    return given


def token(simulated: Simulated, user: str) -> str:
    answer = httpx.post(f"{simulated.url}/auth/token", json={"username": user, "password": user})
    return str(answer.json()["access_token"])


def replay(dialect: str, call: dict[str, Any], simulated: Simulated) -> httpx.Response:
    if call["name"] == "dagrun_trigger_unknown_404" or not call["name"].startswith("dagrun_trigger"):
        if ("ok_three", RUN) not in simulated.world.runs:
            simulated.world.trigger("ok_three", RUN, now=datetime.now(UTC), conf={}, note=None, logical_date=None, by="admin")
        simulated.set(clock_skew=simulated.app.switches.clock_skew or 600.0)
    base = simulated.url + ("" if call["absolute"] else f"/api/{dialect}")
    return httpx.request(
        call["method"], base + call["path"], params=call["params"], json=call["body"], headers=headers(dialect, call, simulated)
    )


def differences(recorded: Any, given: Any, place: str = "answer") -> list[str]:
    """Name where two answers differ in shape. Null says nothing about a type."""
    if recorded is None or given is None:
        return []
    if isinstance(recorded, bool) != isinstance(given, bool) or not isinstance(given, kind(recorded)):
        return [f"{place}: recorded {type(recorded).__name__}, given {type(given).__name__}"]
    if isinstance(recorded, dict):
        if place.rsplit(".", 1)[-1] in FREE:
            return []
        found = [f"{place}.{key}: missing" for key in recorded.keys() - given.keys()]
        found += [f"{place}.{key}: not in the recording" for key in given.keys() - recorded.keys()]
        return found + [line for key in recorded.keys() & given.keys() for line in differences(recorded[key], given[key], f"{place}.{key}")]
    if isinstance(recorded, list) and recorded and given:
        return differences(recorded[-1], given[-1], f"{place}[-1]")
    return []


def kind(value: Any) -> type | tuple[type, ...]:
    return (int, float) if isinstance(value, int | float) else type(value)


@pytest.mark.parametrize(("dialect", "call"), CALLS, ids=[f"{dialect}-{call['name']}" for dialect, call in CALLS])
def test_each_recorded_call_is_answered_in_the_same_shape(dialect: str, call: dict[str, Any], clusters: dict[str, Simulated]) -> None:
    answer = replay(dialect, call, clusters[dialect])
    assert answer.status_code == call["status"], answer.text[:500]
    assert answer.headers["content-type"].split(";")[0] == call["content_type"].split(";")[0]
    recorded, given = call["answer"], answer.json()
    if dialect == "v2" and "log" in call["name"] and call["status"] == 200:
        recorded, given = log_kinds(recorded), log_kinds(given)
    assert differences(recorded, given) == []
    if (schema := schema_of(dialect, call)) is not None:
        # Where Airflow itself does not keep to its document (a `detail` that is null), the simulation may do the same.
        own = breaks(dialect, schema, call["answer"])
        assert {place: told for place, told in breaks(dialect, schema, answer.json()).items() if place not in own} == {}


def log_kinds(answer: dict[str, Any]) -> dict[str, Any]:
    """Log events have different keys by kind; what must be there is compared, what a logger adds is not."""
    return {
        "content": [sorted({"event"} & event.keys()) for event in answer["content"]],
        "continuation_token": answer["continuation_token"],
    }


@cache
def document(dialect: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(gzip.decompress((RECORDED / dialect / "openapi.json.gz").read_bytes()))
    return json_schema(read) if read["openapi"].startswith("3.0") else read


def json_schema(node: Any) -> Any:
    """Write OpenAPI 3.0's ``nullable`` as JSON Schema has it; 3.1 is JSON Schema already."""
    if isinstance(node, list):
        return [json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    changed = {key: json_schema(value) for key, value in node.items()}
    if changed.get("nullable") is True:
        return {"anyOf": [{key: value for key, value in changed.items() if key != "nullable"}, {"type": "null"}]}
    return changed


def resolved(dialect: str, node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = document(dialect)
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def schema_of(dialect: str, call: dict[str, Any]) -> dict[str, Any] | None:
    """Give the schema of a call's answer; None where the document says nothing: sign-in, and refusals that it does not list."""
    asked = call["path"] if call["absolute"] or dialect == "v1" else f"/api/v2{call['path']}"
    best = ""
    for path, known in document(dialect)["paths"].items():
        if call["method"].lower() in known and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", path), asked):
            # The one with the longest fixed part: `…/taskInstances/list` is no task's id.
            best = max(best, path, key=lambda one: len(re.sub(r"\{[^}]+\}", "", one)))
    if not best:
        return None
    answers = document(dialect)["paths"][best][call["method"].lower()]["responses"]
    if str(call["status"]) not in answers:
        return None
    content = resolved(dialect, answers[str(call["status"])]).get("content", {})
    schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return schema


def breaks(dialect: str, schema: dict[str, Any], answer: Any) -> dict[tuple[str, str], str]:
    """Tell what an answer breaks of its schema, by the place (rows of a list are one place) and the rule."""
    whole = {"allOf": [schema], "components": document(dialect)["components"]}
    return {
        (".".join("[]" if isinstance(part, int) else part for part in error.absolute_path), str(error.validator)): error.message[:300]
        for error in Draft202012Validator(whole).iter_errors(answer)
    }


def test_the_documents_were_really_asked() -> None:
    schemas = {f"{dialect}-{call['name']}": schema_of(dialect, call) for dialect, call in CALLS}
    # Airflow's documents leave these out, though Airflow 2 and 3 answer so.
    assert {name for name, schema in schemas.items() if schema is None} == {
        *("v1-auth_bad_password", "v1-auth_missing", "v1-unknown_query_param", "v1-dagruns_order_bad", "v1-tis_order_updated_at"),
        *("v2-auth_token_create", "v2-auth_token_bad_password"),
    }
    for dialect in ("v1", "v2"):
        [dags] = [call["answer"] for of, call in CALLS if (of, call["name"]) == (dialect, "dags")]
        schema = schemas[f"{dialect}-dags"]
        assert schema is not None
        assert breaks(dialect, schema, dags) == {}
        for change in ({"is_paused": "no"}, {"tags": "x"}, {"owners": 1}):
            assert breaks(dialect, schema, {**dags, "dags": [{**dags["dags"][0], **change}]})


def test_errors_and_lists_were_really_compared() -> None:
    assert {call["status"] for _, call in CALLS} >= {200, 201, 400, 401, 403, 404, 409, 422}
    assert len(CALLS) > 90
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": "x"}]}) == ["answer.a[-1].b: recorded int, given str"]
    assert differences({"a": 1}, {"b": 1}) == ["answer.a: missing", "answer.b: not in the recording"]


def test_the_same_seed_gives_the_same_runs() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def told(seed: int) -> list[tuple[str, str, str, object]]:
        world = World(demo_catalogue(30), seed=seed, now=at, history=timedelta(hours=3))
        return [(run.dag_id, run.run_id, run.state, run.end) for run in world.runs.values()]

    assert told(7) == told(7)
    assert told(7) != told(8)
    states = {state for _, _, state, _ in told(7)}
    assert states >= {"success", "failed", "running"}


def test_the_demo_has_a_run_that_hangs() -> None:
    """Started hours ago, still running, because a sensor waits for what never comes; every other DAG's runs ended long before."""
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    world = World(demo_catalogue(30), seed=7, now=at, history=timedelta(hours=3))
    hanging = {run.dag_id for run in world.runs.values() if run.state == "running" and run.start and at - run.start > timedelta(hours=1)}
    assert hanging == {"wait_for_partner_file"}
    world.advance(at + timedelta(hours=6))
    old = [run for run in world.runs.values() if run.dag_id == "wait_for_partner_file" and run.start and run.start < at]
    assert {run.state for run in old} == {"running"}
    assert {(task.spec.task_id, task.state) for run in old for task in run.tasks} == {("wait_for_file", "running"), ("load", None)}
