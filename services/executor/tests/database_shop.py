"""A database with orders, and the connector's view of it."""

from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from executor.application.ports import Endpoint, Message, Place, Trouble, Work
from executor.connectors.database import DatabaseConnector
from executor.connectors.database.config import ComponentOptions, EndpointOptions, EndpointSecrets
from shared.contracts.workflows import Component, Connection
from shared.runtime.egress import Egress, EgressPolicy

CONNECTOR = DatabaseConnector(Egress(EgressPolicy.allowing(["127.0.0.0/8"])))


class Shop:
    """A database with orders, and the connector's view of it."""

    def __init__(self, url: str, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.parts = urlsplit(url)

    def endpoint(self, password: str | None = None, **changes: Any) -> Endpoint:
        options = {"host": "127.0.0.1", "port": self.parts.port, "database": self.parts.path[1:], "username": self.parts.username}
        secret = SecretStr(password or self.parts.password or "")
        return Endpoint("e", "shop", "database", EndpointOptions.model_validate(options | changes), EndpointSecrets(password=secret))

    def place(self, name: str, output: dict[str, Any] | None = None, **options: Any) -> Place:
        checked = ComponentOptions.model_validate(options)
        return Place(Component(name=name, kind="database", endpoint="shop"), checked, self.endpoint(), output or {})

    def work(self, place: Place, *sources: Place, inputs: dict[str, Any] | None = None, run: str = "r1") -> Work:
        edges = tuple((Connection(source=s.component.name, target=place.component.name, kind="database-to-database"), s) for s in sources)
        return Work(run, place, 1, f"{run}:{place.component.name}:1", inputs=inputs or {}, sources=edges)

    async def begin(self, inputs: dict[str, Any] | None = None, **options: Any) -> Any:
        return await CONNECTOR.begin(self.work(self.place("Look", **options), inputs=inputs))

    async def trouble(self, inputs: dict[str, Any] | None = None, **options: Any) -> Trouble:
        with pytest.raises(Trouble) as caught:
            await self.begin(inputs, **options)
        assert len(caught.value.message) > 20
        return caught.value

    async def read(self, most: int = 500, resume: int = 0, **options: Any) -> list[Message]:
        found = await self.begin(**options)
        source = self.place("Look", found.output, **options)
        work = self.work(self.place("Copy", table="copies"), source)
        messages: list[Message] = []
        async with CONNECTOR.reader(work, source, {0: resume} if resume else {}) as reader:
            while batch := await reader.read(most):
                messages += batch
        return messages

    async def write(self, bodies: list[bytes], **options: Any) -> None:
        place = self.place("Write", **options)
        messages = [Message(body, None, [], 0, n, f"o{n}", f"r1:Write:1:0:{n}") for n, body in enumerate(bodies)]
        async with CONNECTOR.writer(self.work(place)) as writer:
            await (await writer.send(messages))

    async def refused(self, bodies: list[bytes], **options: Any) -> Trouble:
        with pytest.raises(Trouble) as caught:
            await self.write(bodies, **options)
        return caught.value

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.connection.fetch(query)]
