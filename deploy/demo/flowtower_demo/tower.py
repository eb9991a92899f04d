"""Flowtower's public API as the demo uses it, and the account that it uses it with."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from flowtower_demo.scene import Scene

NAME = "demo"
_NOT_COMPARED = frozenset({"secret", "secrets", "hold"})
"""Never shown again, or shown in another form than given."""


class Refused(Exception):
    """The API said no; the text is its own."""


@dataclass(frozen=True)
class Account:
    """Who the demo is: the first user of a fresh Flowtower, and a token of that user for its programs."""

    name: str
    password: str
    token: str

    @classmethod
    def kept(cls, scene: Scene) -> Self | None:
        """The one of an earlier `make demo`, or a token that the person gave; None when there is neither."""
        if token := os.environ.get("FLOWTOWER_DEMO_TOKEN"):
            return cls("", "", token)
        try:
            return cls(**json.loads(_file(scene).read_text(encoding="utf-8")))
        except OSError:
            return None

    @classmethod
    def sign_up(cls, scene: Scene, setup_link: str) -> Self:
        """Use the one-time link to become the first user, and make a token."""
        password = f"{secrets.token_hex(3)}-{secrets.token_hex(3)}-{secrets.token_hex(3)}"
        setup_token = parse_qs(urlsplit(setup_link).query)["token"][0]
        with httpx.Client(base_url=scene.gateway, timeout=30, trust_env=False) as client:
            _answer(client.post("/api/account/set-up/", json={"token": setup_token, "name": NAME, "password": password}))
            session = _answer(client.post("/api/account/sign-in/", json={"name": NAME, "password": password}))
            headers = {"X-CSRF-Token": session["csrf_token"]}
            made = _answer(client.post("/api/tokens/", json={"name": "programs of the demo", "days": None}, headers=headers))
        account = cls(NAME, password, made["token"])
        descriptor = os.open(_file(scene), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(asdict(account), stream)
        return account


def _file(scene: Scene) -> Path:
    return scene.folder / "account.json"


class Tower:
    """Calls with the account's token."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @classmethod
    @contextmanager
    def signed_in(cls, scene: Scene, account: Account) -> Iterator[Self]:
        headers = {"Authorization": f"Bearer {account.token}"}
        with httpx.Client(base_url=scene.gateway, timeout=30, trust_env=False, headers=headers) as client:
            yield cls(client)

    def get(self, path: str, **query: str) -> Any:
        return _answer(self._client.get(path, params=query))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return _answer(self._client.post(path, json=body))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return _answer(self._client.put(path, json=body, headers={"If-Match": "*"}))

    def named(self, path: str, name: str) -> dict[str, Any] | None:
        """The definition of that name in a list, or None."""
        found: list[dict[str, Any]] = self.get(path)["items"]
        return next((item for item in found if item["name"] == name), None)

    def define(self, path: str, body: dict[str, Any]) -> str:
        """Register it, or bring the one of that name up to date when something differs; returns its id."""
        known = self.named(path, body["name"])
        if known is None:
            return str(self.post(path, body)["id"])
        if any(known.get(field) != value for field, value in body.items() if field not in _NOT_COMPARED):
            self.put(f"{path}{known['id']}/", body)
        return str(known["id"])

    def outcome(self, run_id: str, within: float) -> str:
        """Wait until a run has ended and return its status; "unknown" when that takes longer."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            try:
                status = str(self.get(f"/api/runs/{run_id}/")["status"])
            except Refused:
                status = "asked"  # the read model has not seen it yet
            if status in {"succeeded", "failed", "cancelled"}:
                return status
            time.sleep(1)
        return "unknown"


def _answer(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    raise Refused(f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:600]}")
