"""Clusters, endpoints, workflows and channels through the API: checked, sealed, versioned, audited, and told to others."""

import json
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.topics import CLUSTERS_REGISTRY, ENDPOINTS_REGISTRY, WORKFLOWS_REGISTRY, Topic
from shared.runtime.ids import new_id
from shared.runtime.sealed import OpeningKey, SealedForAnother
from shared.testing.wait import eventually


def a_cluster(**changes: object) -> dict[str, object]:
    usual = {"name": f"c-{new_id()}", "base_url": "https://airflow.example.com", "username": "flowtower", "secret": "s3cret-of-the-cluster"}
    return {**usual, **changes}


async def newest(gateway, topic: Topic, key: str) -> list[bytes | None]:
    """Return every record of a key, from the beginning."""
    consumer = AIOKafkaConsumer(topic.name, bootstrap_servers=gateway.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        found: list[bytes | None] = []
        end = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(part) < offset for part, offset in end.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [record.value for record in records if record.key == key.encode()]
        return found
    finally:
        await consumer.stop()


async def told(gateway, topic: Topic, key: str, count: int) -> list[bytes | None]:
    records: list[bytes | None] = []

    async def enough() -> bool:
        records[:] = await newest(gateway, topic, key)
        return len(records) >= count

    await eventually(enough, within=20)
    return records


async def test_a_cluster_is_registered_sealed_told_changed_and_removed(gateway, api: httpx.AsyncClient, keys: Path) -> None:
    made = await api.post("/api/clusters/", json=a_cluster())
    assert made.status_code == 201, made.text
    cluster = made.json()
    assert made.headers["etag"] == '"1"'
    assert cluster["has_secret"]
    assert "s3cret" not in made.text
    assert cluster["state"]["health"] == "unknown"

    path = f"/api/clusters/{cluster['id']}/"
    body = a_cluster(name=cluster["name"], environment="production")
    del body["secret"]
    changed = await api.put(path, json=body, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text
    assert changed.json()["has_secret"], "a secret that is not given again stays"
    assert (await api.delete(path)).status_code == 204
    assert (await api.get(path)).status_code == 404

    first, second, last = await told(gateway, CLUSTERS_REGISTRY, cluster["id"], 3)
    assert last is None, "a tombstone removes it"
    assert first is not None
    assert second is not None
    sealed = json.loads(first)["sealed_secret"]
    assert json.loads(second)["sealed_secret"] == sealed
    opening = OpeningKey.from_file(keys / "cluster-poller.key")
    assert opening.open(sealed, owner=cluster["id"]) == b"s3cret-of-the-cluster"
    with pytest.raises(SealedForAnother):
        opening.open(sealed, owner=new_id())

    audit = (await api.get("/api/audit/", params={"subject": cluster["id"]})).json()["items"]
    assert [entry["action"] for entry in audit] == ["cluster.deleted", "cluster.changed", "cluster.created"]
    assert audit[1]["before"]["environment"] == ""
    assert audit[1]["after"]["environment"] == "production"
    for table in ("clusters", "audit", "outbox"):
        assert all("s3cret" not in str(dict(row)) for row in await gateway.rows(f"SELECT * FROM {table}"))


async def test_a_stored_secret_never_follows_a_changed_address(api: httpx.AsyncClient) -> None:
    cluster = (await api.post("/api/clusters/", json=a_cluster())).json()
    body = a_cluster(name=cluster["name"], base_url="https://elsewhere.example.com")
    del body["secret"]
    moved = await api.put(f"/api/clusters/{cluster['id']}/", json=body, headers={"If-Match": '"1"'})
    assert moved.status_code == 200
    assert moved.json()["has_secret"] is False


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"base_url": "airflow.example.com"}, "base_url", "https://airflow.example.com"),
        ({"base_url": "http://127.0.0.1:8080"}, "base_url", "FLOWTOWER_EGRESS_ALLOW"),
        ({"base_url": "http://localhost"}, "base_url", "loopback"),
        ({"base_url": "http://169.254.169.254/latest"}, "base_url", "metadata"),
        ({"base_url": "http://2130706433/"}, "base_url", "loopback"),
        ({"username": ""}, "username", "token"),
        ({"ca_pem": "nonsense"}, "ca_pem", "BEGIN CERTIFICATE"),
        ({"poll_seconds": 0}, "poll_seconds", "greater"),
        ({"poll_seconds": "soon"}, "poll_seconds", "number"),
        ({"name": "EU Prod"}, "name", "pattern"),
        ({"colour": "red"}, "colour", "not known"),
        ({"revision": 7}, "revision", "not known"),
        ({"tags": "eu"}, "tags", "tuple"),
    ],
)
async def test_a_wrong_cluster_is_refused_by_field_with_the_way_out(
    api: httpx.AsyncClient, change: dict[str, object], field: str, words: str
) -> None:
    answer = await api.post("/api/clusters/", json=a_cluster(**change))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = [item for item in answer.json()["errors"] if item["field"] == field]
    assert words in error["message"] + error["hint"]


async def test_of_two_changes_from_the_same_revision_one_is_told(api: httpx.AsyncClient) -> None:
    cluster = (await api.post("/api/clusters/", json=a_cluster())).json()
    path = f"/api/clusters/{cluster['id']}/"
    assert (await api.put(path, json=a_cluster(name=cluster["name"]))).status_code == 428
    assert (await api.put(path, json=a_cluster(name=cluster["name"]), headers={"If-Match": '"1"'})).status_code == 200
    stale = await api.put(path, json=a_cluster(name=cluster["name"]), headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert stale.headers["etag"] == '"2"'
    assert "Read it again" in stale.json()["detail"]
    assert (await api.delete(path, headers={"If-Match": '"1"'})).status_code == 412


async def test_a_name_is_taken_once(api: httpx.AsyncClient) -> None:
    body = a_cluster()
    assert (await api.post("/api/clusters/", json=body)).status_code == 201
    again = await api.post("/api/clusters/", json=body)
    assert again.status_code == 422
    assert again.json()["errors"][0]["field"] == "name"


async def test_endpoints_are_checked_by_their_kind_and_kept_while_they_are_used(gateway, api: httpx.AsyncClient, keys: Path) -> None:
    name = f"mq-{new_id()}"
    wrong = await api.post("/api/endpoints/", json={"name": name, "kind": "mq", "options": {"hots": "mq.example.com"}})
    assert {item["field"] for item in wrong.json()["errors"]} == {"options.hots", "options.host"}
    made = await api.post(
        "/api/endpoints/",
        json={"name": name, "kind": "mq", "options": {"host": "mq.example.com"}, "secrets": {"password": "pw-of-the-queue"}},
    )
    assert made.status_code == 201, made.text
    assert "pw-of" not in made.text
    (record,) = await told(gateway, ENDPOINTS_REGISTRY, made.json()["id"], 1)
    assert record is not None
    opened = OpeningKey.from_file(keys / "executor.key").open(json.loads(record)["sealed_secret"], owner=made.json()["id"])
    assert json.loads(opened) == {"password": "pw-of-the-queue"}

    path, given = f"/api/endpoints/{made.json()['id']}/", {"name": name, "kind": "mq", "options": {"host": "mq.example.com"}}
    limits = {"concurrency": 4, "breaker": {"failures": 3, "open_for": 10.0}, "retry_budget": 60}
    typo = await api.put(path, json={**given, "limits": {"concurency": 4, "breaker": {"open": 1}}}, headers={"If-Match": '"1"'})
    assert {item["field"] for item in typo.json()["errors"]} == {"limits.concurency", "limits.breaker.open"}
    limited = await api.put(path, json={**given, "limits": limits}, headers={"If-Match": '"1"'})
    assert limited.json()["limits"] == limits
    assert (await api.put(path, json=given, headers={"If-Match": '"1"'})).status_code == 412, "somebody has limited it meanwhile"
    assert limited.json()["has_secret"]
    *_, last = await told(gateway, ENDPOINTS_REGISTRY, made.json()["id"], 2)
    assert last is not None
    assert json.loads(last)["limits"] == limits
    audit = (await api.get("/api/audit/", params={"subject": made.json()["id"]})).json()["items"]
    assert (audit[0]["before"]["limits"], audit[0]["after"]["limits"]) == ({}, limits)

    flow = f"flow-{new_id()}"
    text = f"workflow: {flow}\ncomponents:\n  Q: {{kind: mq, endpoint: {name}, queue: orders}}  # the queue\n"
    published = await api.post("/api/workflows/", json={"yaml": text})
    assert published.status_code == 201, published.text
    used = await api.delete(f"/api/endpoints/{made.json()['id']}/")
    assert used.status_code == 409
    assert flow in used.json()["detail"]
    renamed = await api.put(path, json={**given, "name": f"{name}-x"}, headers={"If-Match": "*"})
    assert renamed.status_code == 409, "executors find it by its name"
    assert flow in renamed.json()["errors"][0]["message"]
    assert (await api.put(path, json=given, headers={"If-Match": "*"})).status_code == 200
    assert (await api.get(f"/api/endpoints/{made.json()['id']}/")).json()["used_by"] == [flow]


async def test_a_cluster_that_a_workflow_names_keeps_its_name_and_stays(api: httpx.AsyncClient) -> None:
    clusters = [(await api.post("/api/clusters/", json=a_cluster())).json() for _ in range(2)]
    flows = [f"flow-{new_id()}" for _ in range(2)]
    texts = [f"workflow: {flow}\ncomponents:\n  A: {{kind: airflow, cluster: {clusters[0]['name']}, dag_id: orders}}\n" for flow in flows]
    texts[1] += f"triggers:\n  - {{kind: dag, name: T, cluster: {clusters[1]['name']}, dag_id: orders, states: [success]}}\n"
    made = [await api.post("/api/workflows/", json={"yaml": text}) for text in texts]
    assert [answer.status_code for answer in made] == [201, 201], [answer.text for answer in made]
    for cluster, users in zip(clusters, (sorted(flows), flows[1:]), strict=True):
        path, body = f"/api/clusters/{cluster['id']}/", a_cluster(name=f"c-{new_id()}")
        renamed = await api.put(path, json=body, headers={"If-Match": '"1"'})
        assert renamed.status_code == 409, renamed.text
        assert f"used by {', '.join(users)}." in renamed.json()["errors"][0]["message"]
        assert (await api.delete(path)).status_code == 409
    assert (await api.delete(f"/api/workflows/{made[1].json()['id']}/")).status_code == 204
    assert (await api.delete(f"/api/clusters/{clusters[1]['id']}/")).status_code == 204


async def test_versions_of_a_workflow_never_change_and_the_text_stays_to_the_letter(gateway, api: httpx.AsyncClient) -> None:
    endpoint = f"mq-{new_id()}"
    await api.post("/api/endpoints/", json={"name": endpoint, "kind": "mq", "options": {"host": "mq.example.com"}})
    name = f"flow-{new_id()}"
    text = f"# mine\nworkflow: {name}\ncomponents:\n  Q:   {{kind: mq, endpoint: {endpoint}, queue: a}}   # odd   spaces\n"
    first = (await api.post("/api/workflows/", json={"yaml": text})).json()
    path = f"/api/workflows/{first['id']}/"
    second = await api.put(path, json={"yaml": text.replace("queue: a", "queue: b")}, headers={"If-Match": '"1"'})
    assert second.json()["version"] == 2, second.text
    assert (await api.put(path, json={"yaml": text}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await api.get(path, params={"version": 1})).json()["yaml"] == text
    versions = (await api.get(f"{path}versions/")).json()["items"]
    assert [item["version"] for item in versions] == [2, 1]
    one = await told(gateway, WORKFLOWS_REGISTRY, f"{first['id']}:1", 1)
    assert json.loads(one[0] or b"")["yaml"] == text
    assert (await api.delete(path)).status_code == 204
    retired = await told(gateway, WORKFLOWS_REGISTRY, f"{first['id']}:2", 2)
    assert json.loads(retired[-1] or b"")["retired"] is True
    refused = await api.post("/api/runs/", json={"workflow": first["id"]})
    assert refused.status_code == 409


async def test_a_definition_is_written_into_the_text_with_its_comments(api: httpx.AsyncClient) -> None:
    endpoint = f"mq-{new_id()}"
    await api.post("/api/endpoints/", json={"name": endpoint, "kind": "mq", "options": {"host": "mq.example.com"}})
    name = f"flow-{new_id()}"
    text = f"# keep me\nworkflow: {name}\ncomponents:\n  Q: {{kind: mq, endpoint: {endpoint}, queue: a}}  # and me\n"
    made = (await api.post("/api/workflows/", json={"yaml": text})).json()
    definition = made["definition"]
    definition["components"][0]["options"]["queue"] = "b"
    drawn = await api.put(f"/api/workflows/{made['id']}/", json={"definition": definition}, headers={"If-Match": '"1"'})
    assert drawn.status_code == 200, drawn.text
    assert "queue: b" in drawn.json()["yaml"]
    assert "# keep me" in drawn.json()["yaml"]
    assert "# and me" in drawn.json()["yaml"]


async def test_two_megabytes_of_yaml_are_refused_by_their_size(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/workflows/validate/", json={"yaml": "# " + "x" * 2_000_000})
    assert answer.status_code == 200
    assert "at most 256 KB" in answer.json()["problems"][0]["message"]
    published = await api.post("/api/workflows/", json={"yaml": "# " + "x" * 2_000_000})
    assert published.status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"workflow": NaN}', 422),
        (b'{"workflow": "a", "inputs": {"x": 1e999}}', 422),
        (b'{"workflow": "a", "inputs": ' + b"[" * 100_000, 422),
        (b'{"workflow": "a", "inputs": {"x": "\\u0000"}}', 422),
        (b'{"workflow": "a", "inputs": {"x": ' + b"9" * 5000 + b"}}", 422),
        (b"\xff\xfe", 422),
        (b"[]", 422),
        (b"", 422),
        (b'{"workflow": "a", "inputs": "' + b"x" * 1_100_000 + b'"}', 413),
    ],
)
async def test_bodies_that_are_no_json_or_too_large_are_problems_and_never_faults(api: httpx.AsyncClient, body: bytes, status: int) -> None:
    answer = await api.post("/api/runs/", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert status == 413 or answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("cursor", ["x", "bm9uc2Vuc2U", "W10", "WzEsMl0", "WyIyMDI2LTAxLTAxIiwieCJd", "%00"])
async def test_a_cursor_that_no_list_made_is_refused(api: httpx.AsyncClient, cursor: str) -> None:
    for path in ("/api/runs/", "/api/dags/", "/api/alerts/", "/api/audit/"):
        answer = await api.get(path, params={"after": cursor})
        assert answer.status_code == 422, (path, answer.text)


async def test_lists_go_on_where_they_ended(api: httpx.AsyncClient) -> None:
    seen: list[int] = []
    answer = await api.get("/api/audit/", params={"limit": 3})
    for _ in range(200):
        seen += [item["id"] for item in answer.json()["items"]]
        if answer.json()["next"] is None:
            break
        link = answer.headers["link"]
        assert link.endswith('; rel="next"')
        answer = await api.get(link.split(">")[0][1:])
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen))


async def test_the_description_of_the_api_is_openapi(api: httpx.AsyncClient) -> None:
    document = (await api.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) > 35
    assert document["components"]["schemas"]["ClusterInput"]["examples"]
