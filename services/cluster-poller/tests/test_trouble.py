"""A bad cluster is shown as what it is, in bounded time, with the way out."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cluster_poller.application.reads import Reads
from cluster_poller.clusters.connection import Connections
from cluster_poller.clusters.http import LONGEST_TRIAL_SECONDS, ClusterHttp
from cluster_poller.domain.trouble import ClusterTrouble
from cluster_poller.registry import MAJORS
from shared.contracts.clusters import ClusterRegistered, Reach, SignIn
from shared.runtime import internal
from shared.runtime.clock import now
from shared.runtime.egress import Egress, EgressPolicy
from shared.runtime.sealed import OpeningKey
from shared.testing.certificates import make_certificates
from simulated_airflow.serving import Simulated, served

Register = Callable[..., ClusterRegistered]


@pytest.fixture
def reads(connections: Connections) -> Reads:
    return Reads(connections, now=now)


async def test_a_good_cluster_passes_and_says_what_it_is(simulated: Simulated, register: Register, reads: Reads) -> None:
    result = await reads.test(register(simulated.url))
    assert result.ok, result
    assert (result.api, result.version) in {("v1", "2.11.2"), ("v2", "3.3.2")}
    assert result.problem == "none"
    assert {part.component for part in result.components} >= {"scheduler", "metadatabase"}


@pytest.mark.parametrize(
    ("switches", "problem", "reach", "words"),
    [
        ({"redirect": "https://sso.example.com/login"}, "wrong_url", Reach.BAD_ANSWER, "sso.example.com"),
        ({"html_login": True}, "wrong_url", Reach.BAD_ANSWER, "web page"),
        ({"status": 503}, "bad_answer", Reach.BAD_ANSWER, "503"),
        ({"status": 429}, "bad_answer", Reach.BAD_ANSWER, "429"),
        ({"unauthorised": True}, "wrong_password", Reach.UNAUTHORISED, "password"),
        ({"broken_json": True}, "bad_answer", Reach.BAD_ANSWER, "broken JSON"),
        ({"nan_json": True}, "bad_answer", Reach.BAD_ANSWER, "NaN"),
        ({"huge_megabytes": 11}, "bad_answer", Reach.BAD_ANSWER, "10 MB"),
        ({"version": "2.5.3"}, "wrong_version", Reach.BAD_ANSWER, "2.5.3"),
    ],
)
async def test_each_misbehaviour_is_told_as_what_it_is(
    simulated: Simulated, register: Register, reads: Reads, switches: dict[str, object], problem: str, reach: Reach, words: str
) -> None:
    simulated.set(**switches)
    result = await reads.test(register(simulated.url))
    assert (result.ok, result.problem, result.reach) == (False, problem, reach), result
    assert words in result.message


async def test_a_wrong_password_and_a_missing_permission_are_told_apart(
    simulated: Simulated, register: Register, connections: Connections, reads: Reads
) -> None:
    wrong = await reads.test(register(simulated.url, password="no"))
    assert (wrong.problem, wrong.reach) == ("wrong_password", Reach.UNAUTHORISED)
    assert "admin" in wrong.message
    viewer = register(simulated.url, password="viewer", username="viewer")
    assert (await reads.test(viewer)).ok
    api = await connections.api(viewer)
    with pytest.raises(Exception, match="does not allow") as caught:
        await api.pause("ok_three", paused=True)
    assert caught.value.problem == "no_permission"
    assert simulated.world.paused["ok_three"] is False


async def test_a_hanging_cluster_is_a_timeout_and_is_let_go_of(
    simulated: Simulated, register: Register, connections: Connections, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_answer_seconds", 0.5)
    simulated.set(hang=True)
    began = time.monotonic()
    result = await reads.test(register(simulated.url))
    assert (result.problem, result.reach) == ("timeout", Reach.UNREACHABLE)
    assert time.monotonic() - began < 3


async def test_one_byte_at_a_time_does_not_hold_a_poll_for_ever(
    simulated: Simulated, register: Register, connections: Connections, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_answer_seconds", 0.8)
    simulated.set(drip=0.2)
    result = await reads.test(register(simulated.url))
    assert (result.problem, result.reach) == ("timeout", Reach.UNREACHABLE)
    assert "no full answer" in result.message


async def test_nobody_there(register: Register, reads: Reads) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = await reads.test(register(f"http://127.0.0.1:{port}"))
    assert (result.problem, result.reach) == ("unreachable", Reach.UNREACHABLE)


async def test_an_unknown_name_a_missing_scheme_and_credentials_in_the_url(register: Register, reads: Reads) -> None:
    unknown = await reads.test(register("http://no-such-host.invalid:8080"))
    assert (unknown.problem, unknown.reach) == ("wrong_url", Reach.UNREACHABLE)
    assert "no-such-host.invalid" in unknown.message
    plain = await reads.test(register("airflow.example.com:8080"))
    assert plain.problem == "wrong_url"
    assert "https://" in plain.message
    inside = await reads.test(register("http://admin:admin@127.0.0.1:1"))
    assert inside.problem == "wrong_url"
    assert "admin:admin" not in inside.message


async def test_a_path_too_deep_and_another_server_are_wrong_urls(simulated: Simulated, register: Register, reads: Reads) -> None:
    deep = await reads.test(register(simulated.url + "/home"))
    assert deep.problem == "wrong_url"

    async def other(_: object, __: object, send: Callable[..., Awaitable[None]]) -> None:
        body = b'{"hello": "world"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with served(other) as port:
        result = await reads.test(register(f"http://127.0.0.1:{port}"))
    assert result.problem == "wrong_url", result


async def test_policy_forbids_loopback_and_metadata(simulated: Simulated, register: Register, poller_keys: Path) -> None:
    strict = Connections(Egress(EgressPolicy()), OpeningKey.from_file(poller_keys / "cluster-poller.key"), MAJORS)
    for url in (simulated.url, "http://169.254.169.254/latest"):
        result = await Reads(strict, now=now).test(register(url))
        assert (result.problem, result.reach) == ("egress", Reach.EGRESS_REFUSED), result
    assert simulated.requests == {}


async def test_something_that_is_no_http(register: Register, reads: Reads) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await reads.test(register(f"http://127.0.0.1:{port}"))
    assert (result.problem, result.reach) == ("bad_answer", Reach.BAD_ANSWER)


async def test_credentials_of_another_cluster_do_not_open(simulated: Simulated, register: Register, reads: Reads) -> None:
    stolen = register(simulated.url).sealed_secret
    result = await reads.test(register(simulated.url, cluster_id="cluster-2", sealed_secret=stolen))
    assert result.problem == "wrong_password"
    assert "can't be opened" in result.message
    assert not any("login" in path or "token" in path for path in simulated.requests)


async def test_a_bad_token_is_a_wrong_password(simulated: Simulated, register: Register, reads: Reads) -> None:
    result = await reads.test(register(simulated.url, sign_in=SignIn.TOKEN, password="not.a.token"))
    assert result.problem == "wrong_password", result


async def test_tls_is_checked_and_can_be_given_an_authority(
    simulate: Callable[..., Simulated], register: Register, reads: Reads, tmp_path: Path
) -> None:
    made = make_certificates(tmp_path)
    simulated = simulate("v2", ssl_keyfile=str(made.key), ssl_certfile=str(made.certificate))
    unknown = await reads.test(register(simulated.url))
    assert (unknown.problem, unknown.reach) == ("tls", Reach.TLS_FAILED)
    assert "not trusted" in unknown.message
    assert simulated.requests == {}
    assert (await reads.test(register(simulated.url, ca_pem=made.authority.read_text()))).ok
    assert (await reads.test(register(simulated.url, verify_tls=False))).ok
    garbage = await reads.test(register(simulated.url, ca_pem="-----BEGIN CERTIFICATE-----\nnope\n-----END CERTIFICATE-----"))
    assert (garbage.problem, "PEM" in garbage.message) == ("tls", True)


async def test_http_and_https_mixed_up_say_so(
    simulated: Simulated, simulate: Callable[..., Simulated], register: Register, reads: Reads, tmp_path: Path
) -> None:
    secure = await reads.test(register(simulated.url.replace("http:", "https:")))
    assert secure.problem == "tls"
    assert "http://" in secure.message
    made = make_certificates(tmp_path)
    tls = simulate("v1", ssl_keyfile=str(made.key), ssl_certfile=str(made.certificate))
    plain = await reads.test(register(tls.url.replace("https:", "http:")))
    assert plain.problem in {"bad_answer", "unreachable"}
    assert "https://" in plain.message or "host and port" in plain.message


async def test_a_connection_that_breaks_is_tried_once_more_for_reads_only(poller_keys: Path) -> None:
    """Every second request on a connection finds it closed, as behind a proxy that has just lost patience."""
    arrived: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for turn in range(2):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            arrived.append(head.split(" ", 1)[0])
            if turn == 1:
                break
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        http = ClusterHttp(Egress(EgressPolicy.allowing(["127.0.0.0/8"])).client(), f"http://127.0.0.1:{port}")
        for _ in range(2):
            assert (await http.send("GET", "/x")).status == 200
        assert arrived == ["GET", "GET", "GET"]
        with pytest.raises(ClusterTrouble) as caught:
            await http.send("PATCH", "/x")
        assert caught.value.passing
        assert arrived == ["GET", "GET", "GET", "PATCH"]
        await http.aclose()


async def test_a_test_of_a_slow_airflow_ends_as_a_whole_and_names_what_was_slow(
    simulated: Simulated, register: Register, poller_keys: Path
) -> None:
    """Each request is quick enough by itself; together they are not, and the gateway would have given up on the poller."""
    key = OpeningKey.from_file(poller_keys / "cluster-poller.key")
    hasty = Connections(Egress(EgressPolicy.allowing(["127.0.0.0/8"])), key, MAJORS, answer_seconds=10, trial_seconds=1.0)
    simulated.set(slow=0.7)
    began = time.monotonic()
    result = await Reads(hasty, now=now).test(register(simulated.url))
    assert time.monotonic() - began < 5
    assert (result.ok, result.problem, result.reach) == (False, "timeout", Reach.UNREACHABLE), result
    assert "the 1 s of the whole test were over. The slowest before it was " in result.message
    assert "/api/" in result.message


def test_a_test_is_over_before_the_gateway_gives_up() -> None:
    assert LONGEST_TRIAL_SECONDS < internal._LIMIT_SECONDS - 5
