"""The pytest plug-in: one session fixture for each real part. The root `conftest.py` loads it."""

from collections.abc import Iterator

import pytest

from shared.testing.kafka import KafkaPart
from shared.testing.postgres import PostgresPart
from shared.testing.rabbitmq import RabbitPart
from shared.testing.slack import SlackPart
from shared.testing.smtp import SmtpPart


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
