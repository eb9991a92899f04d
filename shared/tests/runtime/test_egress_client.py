"""HTTP through the egress: pinned, bounded, no redirects; against real sockets."""

import asyncio
import gzip
import socket
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from shared.runtime.egress import Egress, EgressPolicy, EgressRefused
from shared.runtime.egress.bounded import AnswerTooLarge

Answer = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]

HERE = Egress(EgressPolicy.allowing(["127.0.0.0/8"]))


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that keeps what it was asked and answers as told."""
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            asked.append(request)
            await answer(writer, request)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1], asked
    finally:
        listening.close()
        await asyncio.sleep(0)


def fixed(body: bytes, *headers: str) -> Answer:
    async def answer(writer: asyncio.StreamWriter, _request: bytes) -> None:
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_an_answer_arrives_unpacked(pack: Callable[[bytes], bytes]) -> None:
    name = "gzip" if pack is gzip.compress else "deflate"
    async with server(fixed(pack(b"hello " * 1000), f"Content-Encoding: {name}")) as (port, asked), HERE.client() as client:
        answer = await client.get(f"http://localhost:{port}/x")
    assert answer.content == b"hello " * 1000
    assert f"Host: localhost:{port}".encode().lower() in asked[0].lower()


async def test_no_connection_is_made_to_what_is_refused() -> None:
    async with server(fixed(b"secret")) as (port, asked), Egress(EgressPolicy()).client() as client:
        for host in ("localhost", "127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"):
            with pytest.raises(EgressRefused):
                await client.get(f"http://{host}:{port}/")
    assert asked == []


async def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch) -> None:
    """A name server that answers otherwise at the second look: only the first answer counts, and it was checked."""
    looked = []

    async def rebinding(host: str, port: int, **_kw) -> list:
        looked.append(host)
        address = "127.0.0.2" if len(looked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebinding)
    policy = EgressPolicy.allowing(["127.0.0.2"])
    async with server(fixed(b"canary")) as (port, asked), Egress(policy).client() as client:
        with pytest.raises(httpx.ConnectError):  # nothing listens at 127.0.0.2
            await client.get(f"http://rebind.test:{port}/")
        with pytest.raises(EgressRefused, match=r"127\.0\.0\.1"):
            await client.get(f"http://rebind.test:{port}/")
    assert asked == []
    assert looked == ["rebind.test", "rebind.test"]


async def test_a_name_that_points_outside_and_inside_is_refused(monkeypatch) -> None:
    async def mixed(_host: str, port: int, **_kw) -> list:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("8.8.8.8", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", mixed)
    with pytest.raises(EgressRefused, match="loopback"):
        await Egress(EgressPolicy()).resolve("mixed.test", 80)


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async def answer(writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")

    async with server(answer) as (port, _), HERE.client() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 302
        with pytest.raises(EgressRefused, match="metadata"):
            await client.get(f"http://127.0.0.1:{port}/", follow_redirects=True)


async def test_an_answer_that_unpacks_to_too_much_is_cut_off() -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, compresslevel=1)
    async with server(fixed(bomb, "Content-Encoding: gzip")) as (port, _), HERE.client(max_bytes=1_000_000) as client:
        with pytest.raises(AnswerTooLarge, match="1000000"):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_an_endless_answer_is_cut_off() -> None:
    async def answer(writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 100_000)
            await writer.drain()

    async with server(answer) as (port, _), HERE.client(max_bytes=3_000_000) as client:
        with pytest.raises(AnswerTooLarge):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_an_answer_of_a_byte_now_and_then_ends_at_the_deadline() -> None:
    async def answer(writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with server(answer) as (port, _), HERE.client(deadline=0.5) as client:
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"http://127.0.0.1:{port}/")
    assert time.monotonic() - began < 3


async def test_an_encoding_that_was_not_asked_for_is_refused() -> None:
    async with server(fixed(b"x", "Content-Encoding: zstd")) as (port, asked), HERE.client() as client:
        with pytest.raises(EgressRefused, match="zstd"):
            await client.get(f"http://127.0.0.1:{port}/")
    assert b"accept-encoding: gzip, deflate\r\n" in asked[0].lower()


async def test_proxies_of_the_environment_are_not_used(monkeypatch) -> None:
    async with server(fixed(b"proxy")) as (proxy, by_proxy), server(fixed(b"direct")) as (port, _):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy}")
        async with HERE.client() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "direct"
    assert by_proxy == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1/"])
async def test_only_http_is_called(url: str) -> None:
    async with HERE.client() as client:
        with pytest.raises((EgressRefused, httpx.UnsupportedProtocol)):
            await client.get(url)
