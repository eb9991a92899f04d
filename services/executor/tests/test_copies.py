"""Copies of registries: what they lack gets time to come, and a copy that never catches up is waited for once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from executor.adapters.clusters import PostgresClusters
from executor.application import copies
from executor.application.copies import Copy


class Names:
    """A table of clusters' names, as a database that answers one query."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Names"]:
        yield self

    async def fetchval(self, _query: str, name: str) -> str | None:
        return self.ids.get(name)


async def test_a_cluster_that_the_copy_lacks_is_there_once_it_has_caught_up() -> None:
    names = Names()

    async def caught_up() -> None:
        names.ids["prod"] = "c1"

    database: Any = names
    outbox: Any = None
    assert await PostgresClusters(database, outbox, Copy("clusters", caught_up)).named("prod") == "c1"


async def test_a_copy_that_never_catches_up_is_waited_for_in_full_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "BEHIND_SECONDS", 0.3)
    monkeypatch.setattr(copies, "STILL_BEHIND_SECONDS", 0.01)
    loop = asyncio.get_running_loop()

    async def nothing(_name: str) -> None:
        return None

    copy = Copy("endpoints", lambda: asyncio.sleep(60))
    began = loop.time()
    assert await copy.find("one", nothing) is None
    assert copy.behind
    first = loop.time() - began
    began = loop.time()
    assert await copy.find("another", nothing) is None
    assert loop.time() - began < first / 2
