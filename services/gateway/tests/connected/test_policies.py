"""Every route declares a policy and keeps it: nothing is read or changed without proving who asks."""

from pathlib import Path

import httpx
import pytest

from gateway.identity.guard import OPEN_PATHS, Guarded, guarded
from gateway.identity.principal import Right
from gateway.main import build
from gateway.settings import Settings

PUBLIC = {"/api/account/set-up/", "/api/account/sign-in/", "/api/workflows/schema.json"}
"""The gates, and what this very repository publishes: editors that complete a workflow don't sign in."""
NUMBERS = ("version", "before", "after")


@pytest.fixture(scope="module")
def routes(keys: Path) -> list[Guarded]:
    settings = Settings(kafka="127.0.0.1:1", database_url="postgresql://nobody@127.0.0.1:1/none", keys_dir=keys)  # type: ignore[arg-type]
    return guarded(build(settings).app.routes)


def test_every_route_declares_a_policy(routes: list[Guarded]) -> None:
    assert len(routes) > 60
    assert [route.path for route in routes if route.policy is None and route.path not in OPEN_PATHS] == []


def test_only_the_gates_are_public(routes: list[Guarded]) -> None:
    assert {route.path for route in routes if route.policy is Right.PUBLIC} == PUBLIC


def test_reading_needs_no_more_than_view_and_changing_needs_more(routes: list[Guarded]) -> None:
    own = ("/api/tokens/", "/api/account/", "/api/workflows/validate/", "/api/alerts/rules/check/")
    for route in routes:
        if route.policy is None or route.path in PUBLIC or not route.path.startswith("/api/"):
            continue
        if route.methods <= {"GET", "HEAD"}:
            assert route.policy is (Right.ADMINISTER if route.path == "/api/audit/" else Right.VIEW), route
        elif not route.path.startswith(own):
            assert route.policy >= Right.OPERATE, route


def _filled(path: str) -> str:
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        filled = "7" if path[start + 1 : end] in NUMBERS else "0192aaaa-0000-7000-8000-000000000000"
        path = path[:start] + filled + path[end + 1 :]
    return path


@pytest.mark.usefixtures("first_user")
@pytest.mark.parametrize("way", ["plain", "wrong token", "wrong cookie", "two slashes", "original url"])
async def test_nobody_gets_in_without_proof(gateway, routes: list[Guarded], way: str) -> None:
    headers = {
        "plain": {},
        "wrong token": {"Authorization": "Bearer ft_0192_nonsense"},
        "wrong cookie": {"Cookie": "flowtower=nonsense", "X-CSRF-Token": "nonsense"},
        "two slashes": {},
        "original url": {"X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz"},
    }[way]
    async with gateway.client(**headers) as client:
        for route in routes:
            if route.path in OPEN_PATHS or route.path in PUBLIC or not route.methods:
                continue
            path = _filled(route.path)
            path = "/" + path if way == "two slashes" else path
            for method in route.methods - {"HEAD"}:
                answer = await client.request(method, gateway.url + path, json={} if method in ("POST", "PUT") else None)
                assert answer.status_code in ((401, 403, 404, 405) if way == "two slashes" else (401, 403)), (method, path, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"


async def test_ids_that_are_not_there_are_404_and_tell_nothing(api: httpx.AsyncClient, routes: list[Guarded]) -> None:
    for route in routes:
        if "{" not in route.path or "GET" not in route.methods or not route.path.startswith("/api/"):
            continue
        answer = await api.get(_filled(route.path))
        assert answer.status_code == 404, (route.path, answer.text)
        assert answer.json()["title"] == "Not found"


@pytest.mark.usefixtures("first_user")
@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1x", "x?", "x/", "x#", "127.0.0.1:80:80", ""])
async def test_other_host_names_are_refused(gateway, host: str) -> None:
    async with gateway.client(Host=host) as client:
        answer = await client.get("/api/clusters/")
    assert answer.status_code in (400, 421)


async def test_every_answer_carries_what_keeps_browsers_safe(api: httpx.AsyncClient) -> None:
    nonces = set()
    for path in ("/api/clusters/", "/api/nothing/", "/nothing", "/healthz", "/api/openapi.json"):
        answer = await api.get(path)
        policy = answer.headers["content-security-policy"]
        nonces.add(policy.split("'nonce-")[1].split("'")[0])
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
        assert "server" not in answer.headers
    assert len(nonces) == 5
