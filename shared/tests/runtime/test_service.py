"""The life of a service: it answers at once, stops in order, and says clearly when it can't live."""

import asyncio
import signal
import socket

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr

from shared.runtime.parts import Away
from shared.runtime.service import Service, http_config
from shared.runtime.settings import ServiceSettings
from shared.runtime.tracing import current_traceparent
from shared.testing.wait import eventually


def plain(tmp_path) -> ServiceSettings:
    return ServiceSettings(kafka="127.0.0.1:1", database_url=SecretStr("postgresql://u:hunter2@127.0.0.1:1/d"), keys_dir=tmp_path)


@pytest.fixture
def quiet(monkeypatch) -> None:
    """Leave the logging of the test run alone."""
    monkeypatch.setattr("shared.runtime.logging.configure", lambda *_a, **_k: None)


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://service")


class Part:
    """A part that writes down what happens to it."""

    def __init__(self, name: str, diary: list[str], away: int = 0) -> None:
        self.name, self.diary, self.away = name, diary, away

    async def start(self) -> None:
        if self.away:
            self.away -= 1
            raise Away(f"{self.name} needs something")
        self.diary.append(f"start {self.name}")

    async def drain(self) -> None:
        self.diary.append(f"drain {self.name}")

    async def stop(self) -> None:
        self.diary.append(f"stop {self.name}")


@pytest.mark.usefixtures("quiet")
async def test_parts_start_in_order_wait_for_what_is_away_and_stop_in_reverse(tmp_path) -> None:
    diary: list[str] = []
    service = Service("station", plain(tmp_path))
    service.add(Part("one", diary), name="one")
    service.add(Part("two", diary, away=2), name="two")
    service.add(Part("three", diary), name="three")
    starting = asyncio.create_task(service.start_parts())
    async with client(service.app) as http:
        await asyncio.sleep(0.1)
        answer = await http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["parts"]["reason"] == "two: two needs something"
        assert (await http.get("/healthz")).status_code == 200
        await starting
        assert (await http.get("/readyz")).status_code == 200
        service.readiness.stopping = True
        assert (await http.get("/readyz")).status_code == 503
    await service.drain_parts()
    await service.stop_parts()
    three_two_one = ["three", "two", "one"]
    assert diary == [
        *(f"start {name}" for name in reversed(three_two_one)),
        *(f"drain {name}" for name in three_two_one),
        *(f"stop {name}" for name in three_two_one),
    ]


@pytest.mark.usefixtures("quiet")
async def test_an_error_that_is_no_absence_is_raised(tmp_path) -> None:
    class Broken(Part):
        async def start(self) -> None:
            raise ValueError("wrong for good")

    service = Service("station", plain(tmp_path))
    service.add(Broken("x", []), name="x")
    with pytest.raises(ValueError, match="wrong for good"):
        await service.start_parts()


@pytest.mark.usefixtures("quiet")
async def test_a_request_begins_a_trace_or_goes_on_with_its_caller_s(tmp_path) -> None:
    service = Service("station", plain(tmp_path))

    @service.app.get("/x")
    async def x() -> str | None:
        return current_traceparent()

    trace = "0af7651916cd43dd8448eb211c80319c"
    async with client(service.app) as http:
        own = (await http.get("/x")).json()
        assert own.split("-")[1] != (await http.get("/x")).json().split("-")[1]
        continued = (await http.get("/x", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})).json()
        assert continued.split("-")[1] == trace
        assert continued.split("-")[2] != "00f067aa0ba902b7"
        odd = (await http.get("/x", headers={"traceparent": "nonsense"})).json()
        assert odd.split("-")[1] != trace


@pytest.mark.usefixtures("quiet")
async def test_metrics_version_and_no_pages_of_documentation(tmp_path) -> None:
    service = Service("station", plain(tmp_path))
    async with client(service.app) as http:
        metrics = await http.get("/metrics")
        assert 'flowtower_build_info{service="station"' in metrics.text
        assert metrics.headers["content-type"].startswith("text/plain")
        assert (await http.get("/version")).json()["service"] == "station"
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await http.get(path)).status_code == 404


@pytest.mark.usefixtures("quiet")
async def test_a_request_that_finds_a_dependency_away_gets_503_and_may_come_again(tmp_path) -> None:
    service = Service("station", plain(tmp_path))

    @service.app.get("/x")
    async def x() -> None:
        raise Away("PostgreSQL at db:5432 does not answer")

    @service.app.get("/bug")
    async def bug() -> None:
        raise KeyError("hunter2")

    async with client(service.app) as http:
        answer = await http.get("/x")
        assert (answer.status_code, answer.headers["retry-after"], answer.headers["content-type"]) == (503, "5", "application/problem+json")
        assert "db:5432" not in answer.text
        broken = await http.get("/bug")
        assert broken.status_code == 500
        assert "hunter2" not in broken.text


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client_seen", "scheme_seen"),
    [
        pytest.param([], "10.0.0.7", "203.0.113.9", "10.0.0.7", "http", id="nobody-is-trusted"),
        pytest.param(["10.0.0.7"], "198.51.100.1", "203.0.113.9", "198.51.100.1", "http", id="not-the-proxy"),
        pytest.param(["10.0.0.7"], "10.0.0.7", "203.0.113.9", "203.0.113.9", "https", id="the-proxy"),
        pytest.param(["10.0.0.7"], "10.0.0.7", "192.0.2.66, 203.0.113.9", "203.0.113.9", "https", id="the-client-wrote-a-hop-itself"),
        pytest.param(["10.0.0.7"], "10.0.0.7", "10.0.0.7, 203.0.113.9", "203.0.113.9", "https", id="the-client-names-the-proxy"),
        pytest.param(
            ["10.0.0.0/24", "fd00::/64"], "fd00::5", "192.0.2.66, 203.0.113.9, 10.0.0.8", "203.0.113.9", "https", id="two-proxies"
        ),
    ],
)
async def test_only_a_trusted_proxy_says_who_the_client_is(
    tmp_path, trusted: list[str], peer: str, forwarded: str, client_seen: str, scheme_seen: str
) -> None:
    service = Service("station", plain(tmp_path).model_copy(update={"trusted_proxies": trusted}))

    @service.app.get("/who")
    async def who(request: Request) -> list[str]:
        assert request.client is not None
        return [request.client.host, request.url.scheme]

    config = http_config(service)
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
        answer = await http.get("/who", headers={"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"})
    assert answer.json() == [client_seen, scheme_seen]


@pytest.mark.connected
async def test_a_taken_port_ends_the_process_with_a_message(station) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        pid = station.start(port=port)
        assert await station.ended(pid) != 0
    assert "address already in use" in station.log()


@pytest.mark.connected
async def test_a_stop_under_load_loses_nothing_and_does_nothing_again(station) -> None:
    await station.send(range(40))
    first = station.start(batch=3, slow=0.05)
    await station.ledger_has(6)
    station.signal(first, signal.SIGTERM)
    assert await station.ended(first, within=25) == 0
    done = len(await station.ledger())
    assert 6 <= done < 40, "the stop came too late to prove anything"
    assert (await station.fetch("SELECT count(*) AS n FROM station.outbox WHERE published_at IS NULL"))[0]["n"] == 0
    second = station.start(batch=3)
    rows = await station.ledger_has(40)
    assert sorted(number for _, number, _ in rows) == list(range(40))

    async def handled() -> str:
        async with httpx.AsyncClient(trust_env=False) as http:
            text = (await http.get(f"http://127.0.0.1:{station.pids[second]}/metrics")).text
        assert f'result="new",topic="{station.orders}"}} {40 - done}.0' in text
        return text

    assert 'result="known"' not in await eventually(handled, within=10)


@pytest.mark.connected
@pytest.mark.timeout(120)
async def test_two_processes_under_one_name_are_told_and_double_nothing(station) -> None:
    await station.send(range(30))
    pids = [station.start(slow=0.05), station.start(slow=0.05)]

    async def told() -> bool:
        reasons = []
        async with httpx.AsyncClient(trust_env=False) as http:
            for pid in pids:
                checks = (await http.get(f"http://127.0.0.1:{station.pids[pid]}/readyz")).json()["checks"]
                reasons.append(checks["consumers"]["reason"])
        assert any("FLOWTOWER_INSTANCE" in reason for reason in reasons), reasons
        return True

    await eventually(told, within=60, every=0.5)
    station.signal(pids[0], signal.SIGTERM)
    assert await station.ended(pids[0]) == 0
    rows = await station.ledger_has(30, within=40)
    assert sorted(number for _, number, _ in rows) == list(range(30))
