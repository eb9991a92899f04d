"""The pytest plug-in: one session fixture for each real part. The root `conftest.py` loads it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from shared.runtime.keys import make as make_keys
from shared.testing.airflow import AirflowPart
from shared.testing.chromium import running_chromium
from shared.testing.collector import Collector
from shared.testing.kafka import KafkaPart
from shared.testing.postgres import PostgresPart
from shared.testing.process import scratch_folder
from shared.testing.prometheus import PrometheusPart
from shared.testing.rabbitmq import RabbitPart
from shared.testing.receiver import Receiver
from shared.testing.slack import SlackPart
from shared.testing.smtp import SmtpPart
from shared.testing.tower import Tower


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaPart]:
    """Give a running Apache Kafka."""
    part = KafkaPart()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresPart]:
    """Give a running PostgreSQL 18; ask it for a fresh database."""
    part = PostgresPart()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitPart]:
    """Give a running RabbitMQ."""
    part = RabbitPart()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="session")
def smtp() -> Iterator[SmtpPart]:
    """Give a mail server that wants STARTTLS and a login."""
    part = SmtpPart()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="session")
def slack() -> Iterator[SlackPart]:
    """Give the stand-in of Slack; call `clear` before use, it is shared by the session."""
    part = SlackPart()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="session")
def airflow2() -> Iterator[AirflowPart]:
    """Give a running Airflow 2.11."""
    part = AirflowPart(2)
    part.start()
    yield part
    part.kill()


@pytest.fixture(scope="session")
def airflow3() -> Iterator[AirflowPart]:
    """Give a running Airflow 3.3."""
    part = AirflowPart(3)
    part.start()
    yield part
    part.kill()


@pytest.fixture(scope="session")
def prometheus() -> Iterator[PrometheusPart]:
    """Give a running Prometheus that scrapes nothing yet."""
    part = PrometheusPart()
    part.start()
    yield part
    part.kill()


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Give a headless Chromium; each test opens a context of its own in it."""
    async with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def keys() -> Path:
    """Give a folder with the key files of all services, as `python -m shared.runtime.keys` makes them."""
    folder = scratch_folder("keys")
    make_keys(folder)
    return folder


@pytest.fixture(scope="session")
def tower(kafka: KafkaPart, postgres: PostgresPart, keys: Path, collector: Collector) -> Iterator[Tower]:
    """Give the four services, running and ready."""
    part = Tower(kafka, postgres, keys, collector=collector)
    try:
        part.start_all()
        yield part
    finally:
        part.stop_all()


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Give a collector of OpenTelemetry spans; the tower's services export to it."""
    part = Collector()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Give an HTTP service that remembers what it is sent; call `clear` before use, it is shared by the session."""
    part = Receiver()
    part.start()
    yield part
    part.stop()
