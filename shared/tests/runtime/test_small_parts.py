"""Settings, failpoints, ids, the clock, event headers, readiness."""

import asyncio
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.runtime import clock, failpoints
from shared.runtime.cloudevents import attributes_of, by_name, headers_of
from shared.runtime.ids import new_id
from shared.runtime.parts import Away, NotReady, Readiness
from shared.runtime.settings import ServiceSettings
from shared.runtime.version import VERSION

ENVIRONMENT = {"FLOWTOWER_KAFKA": "a:9092, b:9093", "FLOWTOWER_DATABASE_URL": "postgresql://u:hunter2@h/d"}


@pytest.fixture
def environment(monkeypatch):
    def put(**more: str) -> None:
        for name, value in {**ENVIRONMENT, **more}.items():
            monkeypatch.setenv(name, value)

    return put


def test_settings_come_from_the_environment(environment) -> None:
    environment(FLOWTOWER_EGRESS_ALLOW="127.0.0.0/8, kafka.internal", FLOWTOWER_OTLP_ENDPOINT="")
    settings = ServiceSettings()
    assert settings.kafka == "a:9092,b:9093"
    assert settings.egress_allow == ["127.0.0.0/8", "kafka.internal"]
    assert settings.otlp_endpoint is None
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("FLOWTOWER_KAFKA", "nohost", "host:port"),
        ("FLOWTOWER_KAFKA", " ", "at least one"),
        ("FLOWTOWER_DATABASE_URL", "mysql://u:hunter2@h/d", "postgresql://"),
        ("FLOWTOWER_PORT", "eighty", "port"),
        ("FLOWTOWER_INSTANCE", "a b", "instance"),
        ("FLOWTOWER_LOG_LEVEL", "LOUD", "log_level"),
        ("FLOWTOWER_TRUSTED_PROXIES", "10.0.0.0/24, 10.0.0.1/8", r"'10\.0\.0\.1/8' is neither an address nor a network"),
        ("FLOWTOWER_TRUSTED_PROXIES", "*", "FLOWTOWER_TRUSTED_PROXIES"),
        ("FLOWTOWER_TRUSTED_PROXIES", "proxy.internal", "FLOWTOWER_TRUSTED_PROXIES"),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(environment, name, value, told) -> None:
    environment(**{name: value})
    with pytest.raises(ValidationError, match=told) as error:
        ServiceSettings()
    assert "hunter2" not in str(error.value)


@pytest.fixture
def disarmed():
    yield
    failpoints.configure("")


@pytest.mark.usefixtures("disarmed")
def test_a_failpoint_acts_at_the_hit_that_was_asked_for() -> None:
    failpoints.configure("here=raise@2, there=raise")
    failpoints.hit("here")
    failpoints.hit("nowhere")
    with pytest.raises(failpoints.FailpointHit):
        failpoints.hit("here")
    failpoints.hit("here")
    for _ in range(2):
        with pytest.raises(failpoints.FailpointHit):
            failpoints.hit("there")
    failpoints.configure("")
    failpoints.hit("there")


@pytest.mark.usefixtures("disarmed")
async def test_a_sleeping_failpoint_leaves_the_loop_free() -> None:
    failpoints.configure("slow=sleep:0.2")
    sleeping = asyncio.create_task(failpoints.reach("slow"))
    await asyncio.sleep(0.01)
    assert not sleeping.done()
    await sleeping


@pytest.mark.parametrize("text", ["name", "name=explode", "name=exit@x", "=", "a=raise,b"])
@pytest.mark.usefixtures("disarmed")
def test_a_failpoint_that_is_not_understood_is_refused(text) -> None:
    with pytest.raises(ValueError, match="FLOWTOWER_FAILPOINTS"):
        failpoints.configure(text)


def test_ids_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert sorted(ids) == ids
    assert len(set(ids)) == 1000
    assert ids[0][14] == "7"


def test_the_clock_can_be_held() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with clock.held(lambda: moment):
        assert clock.now() == moment
    assert clock.now() > moment
    assert clock.now().tzinfo is UTC


def test_the_version_is_the_project_s() -> None:
    root = Path(__file__).parents[3] / "pyproject.toml"
    assert tomllib.loads(root.read_text())["project"]["version"] == VERSION


def test_headers_make_a_round_trip() -> None:
    identity, headers = headers_of(event_type="t", source="/flowtower/x", subject="k", traceparent="00-aa-bb-01")
    read = attributes_of(by_name(headers), topic="topic", partition=1, offset=2, timestamp_ms=3)
    assert (read.event_id, read.type, read.source, read.traceparent) == (identity, "t", "/flowtower/x", "00-aa-bb-01")
    assert abs((read.time - clock.now()).total_seconds()) < 5


@pytest.mark.parametrize(
    "headers",
    [
        [("ce_id", b"\xff"), ("ce_time", b"yesterday"), ("ce_type", b"\x00"), ("ce_source", b"x" * 5000)],
        [("ce_id", b""), ("ce_time", b"")],
        [("CE_ID", b"a\nb")],
        [],
    ],
)
def test_headers_that_are_no_text_are_as_if_missing(headers) -> None:
    read = attributes_of(by_name(headers), topic="topic", partition=1, offset=2, timestamp_ms=3000)
    assert (read.event_id, read.type, read.source) == ("topic:1:2:3000", "topic", "external")
    assert read.time == datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)


def test_events_of_two_sources_outside_are_two_whatever_ids_they_give() -> None:
    def identity(given: bytes, source: bytes | None) -> str:
        headers = {"ce_id": given} | ({} if source is None else {"ce_source": source})
        return attributes_of(headers, topic="t", partition=0, offset=0, timestamp_ms=0).event_id

    assert identity(b"1", b"/billing") == identity(b"1", b"/billing") == "/billing#1"
    sources = [b"/billing", b"/shop", b"/shop#a", b"/shop#a#1", b"u" * 900, b"u" * 901]
    made = [identity(given, source) for source in sources for given in (b"1", b"1#1", b"a#1", b"x" * 1000)]
    assert len(set(made)) == len(made)
    assert max(map(len, made)) <= 180
    assert identity(b"1", None) == "1", "a producer that names no source has one room for its ids"
    assert identity(b"1", b"/flowtower/gateway") == "1", "our own are unique by themselves, and signed as they are"


@pytest.mark.parametrize("timestamp_ms", [-1, 10**15, 2**63 - 1])
def test_a_records_own_time_is_no_poison(timestamp_ms: int) -> None:
    assert attributes_of({}, topic="t", partition=0, offset=0, timestamp_ms=timestamp_ms).time.tzinfo is UTC


def test_a_time_without_an_offset_is_taken_for_utc() -> None:
    read = attributes_of({"ce_time": b"2026-01-02T03:04:05"}, topic="t", partition=0, offset=0, timestamp_ms=0)
    assert read.time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_readiness_asks_all_checks_at_once_and_tells_why() -> None:
    readiness = Readiness(limit_seconds=0.2)

    async def good() -> None: ...

    async def away() -> None:
        raise Away("Kafka does not answer")

    async def not_ready() -> None:
        raise NotReady("still migrating")

    async def hangs() -> None:
        await asyncio.sleep(60)

    async def breaks() -> None:
        raise KeyError("x")

    for check in (good, away, not_ready, hangs, breaks):
        readiness.add(check.__name__, check)
    async with asyncio.timeout(1):
        results = await readiness.look()
    assert {name: (result.ok, result.reason) for name, result in results.items()} == {
        "good": (True, ""),
        "away": (False, "Kafka does not answer"),
        "not_ready": (False, "still migrating"),
        "hangs": (False, "no answer within 0.2 s"),
        "breaks": (False, "KeyError: 'x'"),
    }
    readiness.stopping = True
    assert not (await readiness.look())["stopping"].ok
