"""The pytest plug-in: one session fixture for each real part. The root `conftest.py` loads it."""

from collections.abc import Iterator

import pytest

from shared.testing.kafka import KafkaPart
from shared.testing.postgres import PostgresPart


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
