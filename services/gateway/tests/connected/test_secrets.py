"""Secrets of an endpoint through the API and the form: each by itself, sealed, and told to the executor."""

import json
from pathlib import Path

import httpx
from test_definitions import told

from gateway.entrypoints.web.endpoints import given_endpoint
from shared.contracts.topics import ENDPOINTS_REGISTRY
from shared.runtime.ids import new_id
from shared.runtime.sealed import OpeningKey


async def test_a_change_by_api_or_form_keeps_the_secrets_that_it_does_not_name(gateway, api: httpx.AsyncClient, keys: Path) -> None:
    name = f"shop-{new_id()}"
    given = {"name": name, "kind": "service", "options": {"base_url": "https://shop.example.com"}}
    secrets = {"password": "pw", "bearer_token": "bt", "header_value": "hv"}
    made = (await api.post("/api/endpoints/", json={**given, "secrets": secrets})).json()
    path = f"/api/endpoints/{made['id']}/"
    changed = await api.put(path, json={**given, "secrets": {"bearer_token": "bt2"}}, headers={"If-Match": '"1"'})
    assert changed.json()["secrets"] == ["bearer_token", "header_value", "password"], changed.text

    form = {"name": name, "kind": "service", "options.base_url": "https://shop.example.com"}
    typed = given_endpoint({**form, "secrets.password": "pw2", "secrets.bearer_token": "", "forget": "secrets.header_value"})
    saved = await api.put(path, json=typed.model_dump(mode="json"), headers={"If-Match": '"2"'})
    assert saved.json()["secrets"] == ["bearer_token", "password"], saved.text

    records = await told(gateway, ENDPOINTS_REGISTRY, made["id"], 3)
    opening = OpeningKey.from_file(keys / "executor.key")
    texts = [opening.open_texts(json.loads(record or b"")["sealed_secret"], owner=made["id"]) for record in records]
    assert texts == [secrets, {**secrets, "bearer_token": "bt2"}, {"password": "pw2", "bearer_token": "bt2"}]
