"""Kafka or PostgreSQL away: the service waits, says so, loses nothing and goes on by itself."""

import asyncio
import signal

import httpx
import pytest

from shared.testing.ports import answers
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.timeout(180)]


async def readyz(port: int) -> tuple[int, dict]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
    return answer.status_code, answer.json()["checks"]


async def ready(port: int, *, within: float = 60) -> None:
    async def is_ready() -> bool:
        status, checks = await readyz(port)
        assert status == 200, checks
        return True

    await eventually(is_ready, within=within, every=0.3)


async def alive(port: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/healthz", timeout=5)).status_code == 200


async def test_postgres_goes_away_in_the_middle_and_comes_back(station, postgres) -> None:
    pid = station.start(batch=2, stuck_after=4)
    port = station.pids[pid]
    await ready(port)
    await station.send(range(4))
    await station.ledger_has(4)
    await asyncio.to_thread(postgres.kill)
    try:
        await station.send(range(4, 10))

        async def says_so() -> bool:
            status, checks = await readyz(port)
            reason = checks["consumers"]["reason"]
            assert status == 503, checks
            assert "PostgreSQL" in reason, checks
            return True

        await eventually(says_so, within=10, every=0.2)
        # Longer than the watch allows a standstill: waiting for what is away is none.
        await asyncio.sleep(6)
        assert await alive(port)
    finally:
        await asyncio.to_thread(postgres.start)
    rows = await station.ledger_has(10, within=40)
    assert sorted(number for _, number, _ in rows) == list(range(10))
    await ready(port)
    records = await station.kafka.read(station.receipts, at_least=10, within=30)
    assert len({dict(record.headers)["ce_id"] for record in records}) == 10
    assert not await station.fetch("SELECT 1 FROM station.dead_letters")
    station.signal(pid, signal.SIGTERM)
    assert await station.ended(pid) == 0


async def test_kafka_goes_away_in_the_middle_and_comes_back(station, kafka) -> None:
    pid = station.start(batch=2, slow=0.2)
    port = station.pids[pid]
    await ready(port)
    await station.send(range(20))
    await station.ledger_has(5)
    await asyncio.to_thread(kafka.kill)
    try:

        async def says_so() -> bool:
            status, checks = await readyz(port)
            assert status == 503, checks
            assert not checks["kafka"]["ok"], checks
            return True

        await eventually(says_so, within=10, every=0.2)
        assert await alive(port)
    finally:
        await asyncio.to_thread(kafka.start)
    rows = await station.ledger_has(20, within=60)
    assert sorted(number for _, number, _ in rows) == list(range(20))
    await ready(port)
    records = await station.kafka.read(station.receipts, at_least=20, within=60)
    assert len({dict(record.headers)["ce_id"] for record in records}) == 20
    station.signal(pid, signal.SIGTERM)
    assert await station.ended(pid) == 0


async def test_a_service_that_starts_first_waits_for_both(station, kafka, postgres) -> None:
    await station.send(range(3))
    await asyncio.to_thread(kafka.kill)
    await asyncio.to_thread(postgres.kill)
    try:
        pid = station.start()
        port = station.pids[pid]

        async def says_what_it_waits_for() -> bool:
            status, checks = await readyz(port)
            assert status == 503
            assert "postgres: PostgreSQL at" in checks["parts"]["reason"], checks
            return True

        await eventually(says_what_it_waits_for, within=10, every=0.2)
        await asyncio.to_thread(postgres.start)

        async def then_for_kafka() -> bool:
            _, checks = await readyz(port)
            assert "kafka: Kafka does not answer" in checks["parts"]["reason"], checks
            return True

        await eventually(then_for_kafka, within=20, every=0.2)
    finally:
        for part in (postgres, kafka):
            if not answers(part.port):
                await asyncio.to_thread(part.start)
    await station.ledger_has(3, within=60)
    await ready(port)
    station.signal(pid, signal.SIGTERM)
    assert await station.ended(pid) == 0
