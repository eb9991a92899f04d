"""Clients that outlive an attempt: one connection for calls that follow each other, a new one after a failure or a change."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from executor.application import http_clients
from executor.application.http_clients import HttpClients
from executor.application.ports import Endpoint
from executor.connectors.service.config import EndpointOptions, EndpointSecrets
from shared.runtime.egress import Egress, EgressPolicy
from shared.testing.wait import eventually


class Peer:
    """Counts connections and calls, remembers who signed in; ``cut``: it ends the connection in the middle of an answer."""

    def __init__(self) -> None:
        self.connections = self.open = self.calls = self.most = 0
        self.signed: list[str] = []
        self.cut = False
        self.hold: asyncio.Event | None = None

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.calls += 1
                self.signed += [line.split(b" ")[-1].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"authorization:")]
                if self.hold is not None:
                    await self.hold.wait()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + (b"" if self.cut else b"ok"))
                if self.cut:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            self.open -= 1
            writer.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    found = Peer()
    await found.start()
    yield found
    found.server.close()


@pytest.fixture
def clients() -> HttpClients:
    return HttpClients(Egress(EgressPolicy.allowing(["127.0.0.0/8"])))


def endpoint(peer: Peer, token: str = "one") -> Endpoint:
    return Endpoint("e1", "svc", "service", EndpointOptions(base_url=peer.url), EndpointSecrets(bearer_token=SecretStr(token)))


async def call(clients: HttpClients, endpoint: Endpoint, **more: Any) -> None:
    async with clients.of(endpoint, **more) as client:
        (await client.post(f"{endpoint.options.base_url}/")).raise_for_status()


async def test_calls_that_follow_each_other_share_a_connection_and_those_at_once_have_one_each(peer: Peer, clients: HttpClients) -> None:
    for _ in range(5):
        await call(clients, endpoint(peer))
    assert (peer.calls, peer.connections) == (5, 1)
    peer.hold = asyncio.Event()
    under_way = [asyncio.create_task(call(clients, endpoint(peer))) for _ in range(20)]
    await eventually(lambda: peer.calls == 25, about="twenty calls at once")
    peer.hold.set()
    await asyncio.gather(*under_way)
    assert (peer.most, peer.connections) == (20, 20)


async def test_what_is_not_used_for_a_while_is_closed(peer: Peer, clients: HttpClients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_clients, "_KEPT_SECONDS", 0.05)
    await call(clients, endpoint(peer))
    assert peer.open == 1
    await eventually(lambda: peer.open == 0, about="the connection is closed")
    await call(clients, endpoint(peer))
    assert peer.connections == 2


async def test_changed_credentials_are_used_at_once(peer: Peer, clients: HttpClients) -> None:
    for token in ("one", "one", "two", "two"):
        await call(clients, endpoint(peer, token))
    assert peer.signed == ["one", "one", "two", "two"]
    assert peer.connections == 2


async def test_a_connection_that_broke_is_not_used_again(peer: Peer, clients: HttpClients) -> None:
    await call(clients, endpoint(peer))
    peer.cut = True
    with pytest.raises(httpx.TransportError):
        await call(clients, endpoint(peer))
    peer.cut = False
    await call(clients, endpoint(peer))
    assert (peer.calls, peer.connections) == (3, 2)


async def test_a_client_for_many_calls_is_its_borrowers_alone(peer: Peer, clients: HttpClients) -> None:
    async with clients.of(endpoint(peer), calls=3) as client:
        peer.hold = asyncio.Event()
        under_way = [asyncio.create_task(client.post(peer.url)) for _ in range(5)]
        await eventually(lambda: peer.calls == 3, about="three calls at once")
        await asyncio.sleep(0.1)
        assert peer.calls == 3
        peer.hold.set()
        await asyncio.gather(*under_way)
    await eventually(lambda: peer.open == 0, about="all are closed with it")
