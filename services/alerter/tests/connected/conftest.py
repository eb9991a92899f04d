"""A real alerter process over a real Kafka and PostgreSQL, Slack's stand-in and a real mail server."""

import asyncio
import copy
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import BaseModel

from shared.contracts.alerts import AlertChanged, ChannelDefined, NotificationChanged, RuleDefined, RuleSubject
from shared.contracts.clusters import ClusterObserved, ClusterRegistered, ComponentHealth, Confidence, Health, Reach
from shared.contracts.topics import (
    ALERTS_CHANNELS,
    ALERTS_EVENTS,
    ALERTS_RULES,
    CLUSTERS_OBSERVATIONS,
    CLUSTERS_REGISTRY,
    Topic,
)
from shared.runtime.clock import now
from shared.runtime.internal import InternalSigner
from shared.runtime.keys import make
from shared.runtime.sealed import SealingKey
from shared.testing.kafka import KafkaPart
from shared.testing.ports import free_port
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.slack import SlackPart
from shared.testing.smtp import SmtpPart
from shared.testing.wait import eventually


class AlerterPart:
    """``python -m alerter`` as its own process."""

    def __init__(self, kafka: KafkaPart, postgres: PostgresPart) -> None:
        self.folder = scratch_folder("alerter")
        self.keys: Path = self.folder / "keys"
        make(self.keys)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = postgres.fresh_database()
        self._env = {
            **os.environ,
            "FLOWTOWER_KAFKA": kafka.bootstrap,
            "FLOWTOWER_DATABASE_URL": self.database_url,
            "FLOWTOWER_PORT": str(self.port),
            "FLOWTOWER_KEYS_DIR": str(self.keys),
            "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8",
            "FLOWTOWER_PUBLIC_URL": "https://tower.example",
            "FLOWTOWER_LOG_LEVEL": "INFO",
            "FLOWTOWER_ALERTER_LOOK_EVERY": "0.3",
            "FLOWTOWER_ALERTER_BACKOFF_FIRST": "0.2",
            "FLOWTOWER_ALERTER_BACKOFF_MOST": "2",
            "FLOWTOWER_ALERTER_SAMPLES_SILENT_AFTER": "6",
        }
        self.process = self._process({})

    def _process(self, extra: dict[str, str]) -> PartProcess:
        return PartProcess("alerter", [sys.executable, "-m", "alerter"], folder=self.folder, env={**self._env, **extra})

    def replica(self, instance: str) -> "AlerterPart":
        """Return another replica over the same database, not started yet."""
        other = copy.copy(self)
        other.port = free_port()
        other.url = f"http://127.0.0.1:{other.port}"
        other.folder = scratch_folder(f"alerter-{instance}")
        other._env = {**self._env, "FLOWTOWER_INSTANCE": instance, "FLOWTOWER_PORT": str(other.port)}
        return other

    def start(self, **extra: str) -> None:
        """Start it, ready to work; ``extra`` are more variables of its environment."""
        self.process = self._process(extra)
        self.process.start(self._ready, within=120)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=3).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> None:
        self.process.stop()

    def seal(self, channel_id: str, **secret: str) -> str:
        return SealingKey.from_file(self.keys / "alerter.pub").seal(json.dumps(secret).encode(), owner=channel_id)

    def ask(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Ask as the gateway would."""
        token = InternalSigner(self.keys, issuer="gateway").token("alerter")
        return httpx.request(method, self.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=10, **kwargs)


@pytest.fixture(scope="session")
def process(kafka: KafkaPart, postgres: PostgresPart) -> Iterator[AlerterPart]:
    part = AlerterPart(kafka, postgres)
    part.start()
    yield part
    part.stop()


class World:
    """What a test does to the alerter and sees of it, over the topics only."""

    def __init__(self, alerter: AlerterPart, producer: AIOKafkaProducer, kafka: KafkaPart, slack: SlackPart, smtp: SmtpPart) -> None:
        self.alerter = alerter
        self.kafka = kafka
        self.slack = slack
        self.smtp = smtp
        self.events: list[AlertChanged | NotificationChanged] = []
        self._producer = producer
        self._undo: list[tuple[Topic, str]] = []

    async def say(self, topic: Topic, key: str, event: BaseModel | bytes | None) -> None:
        """Produce as plain programs do: a value and a key, no headers."""
        value = event if event is None or isinstance(event, bytes) else topic.encode(event)
        await self._producer.send_and_wait(topic.name, value, key=key.encode())

    async def slack_channel(self, **options: Any) -> str:
        channel_id = f"slack-{uuid.uuid4().hex[:8]}"
        sealed = self.alerter.seal(channel_id, token=options.pop("token", self.slack.token))
        settings = {"channel": "#alerts", "base_url": self.slack.base_url, **options}
        defined = ChannelDefined(channel_id=channel_id, name=channel_id, kind="slack", options=settings, sealed_secret=sealed)
        await self._define(ALERTS_CHANNELS, channel_id, defined)
        return channel_id

    async def mail_channel(self, password: str = "") -> str:
        channel_id = f"mail-{uuid.uuid4().hex[:8]}"
        options = {
            "host": self.smtp.host,
            "port": self.smtp.port,
            "ca_pem": self.smtp.ca_pem,
            "username": self.smtp.username,
            "sender": "tower@flowtower.example",
            "recipients": ["team@flowtower.example"],
        }
        sealed = self.alerter.seal(channel_id, password=password or self.smtp.password)
        defined = ChannelDefined(channel_id=channel_id, name=channel_id, kind="email", options=options, sealed_secret=sealed)
        await self._define(ALERTS_CHANNELS, channel_id, defined)
        return channel_id

    async def rule(self, subject: RuleSubject, expression: str, *channels: str, **more: Any) -> RuleDefined:
        rule_id = f"rule-{uuid.uuid4().hex[:8]}"
        defined = RuleDefined(rule_id=rule_id, name=rule_id, subject=subject, expression=expression, channels=channels, **more)
        await self._define(ALERTS_RULES, rule_id, defined)
        await self._rule_is_known(rule_id)
        return defined

    async def _rule_is_known(self, rule_id: str) -> None:
        """Rules and news come on different topics: wait until the rule has been taken."""

        async def known() -> bool:
            return rule_id in await self.rules()

        await eventually(known, within=20)

    async def cluster(self, **more: Any) -> str:
        cluster_id = f"cluster-{uuid.uuid4().hex[:8]}"
        registered = ClusterRegistered(cluster_id=cluster_id, name=cluster_id, base_url="http://airflow.example", **more)
        await self._define(CLUSTERS_REGISTRY, cluster_id, registered)
        return cluster_id

    async def observe(self, cluster_id: str, *, heartbeat_age: float | None = 1.0, reach: Reach = Reach.ANSWERED) -> None:
        scheduler = ComponentHealth(
            component="scheduler",
            health=Health.HEALTHY,
            confidence=Confidence.MEASURED,
            source="GET /api/v2/monitor/health",
            heartbeat_at=None if heartbeat_age is None else now() - timedelta(seconds=heartbeat_age),
            heartbeat_age=heartbeat_age,
        )
        parts = (scheduler,) if reach is Reach.ANSWERED else ()
        observed = ClusterObserved(cluster_id=cluster_id, observed_at=now(), reach=reach, components=parts, detail="from a test")
        await self.say(CLUSTERS_OBSERVATIONS, cluster_id, observed)

    async def _define(self, topic: Topic, key: str, event: BaseModel) -> None:
        self._undo.append((topic, key))
        await self.say(topic, key, event)

    async def undo(self) -> None:
        """Remove what the test defined, rules first, and wait until it is gone: a rule is about every cluster that there is."""
        for topic in (ALERTS_RULES, CLUSTERS_REGISTRY, ALERTS_CHANNELS):
            keys = sorted({key for defined, key in self._undo if defined is topic})
            for key in keys:
                await self.say(topic, key, None)
            await eventually(lambda topic=topic, keys=keys: self._gone(topic, keys), within=30)

    async def _gone(self, topic: Topic, keys: list[str]) -> bool:
        table, name = {ALERTS_RULES.name: ("rules", "rule_id"), CLUSTERS_REGISTRY.name: ("clusters", "cluster_id")}.get(
            topic.name, ("channels", "channel_id")
        )
        return not await self.query(f"SELECT 1 FROM alerter.{table} WHERE {name} = ANY($1)", keys)

    async def query(self, statement: str, *arguments: Any) -> list[Any]:
        """Look into the alerter's own schema, for what no topic tells."""
        connection = await asyncpg.connect(self.alerter.database_url)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()

    async def rules(self) -> list[str]:
        return [row["rule_id"] for row in await self.query("SELECT rule_id FROM alerter.rules")]

    def alerts(self, rule_id: str) -> list[AlertChanged]:
        return [event for event in self.events if isinstance(event, AlertChanged) and event.rule_id == rule_id]

    def notifications(self, channel_id: str) -> list[NotificationChanged]:
        return [event for event in self.events if isinstance(event, NotificationChanged) and event.channel_id == channel_id]

    async def until(self, check: Callable[[], Any], *, within: float = 45, about: str = "") -> Any:
        return await eventually(check, within=within, about=about)


@pytest.fixture
async def world(process: AlerterPart, kafka: KafkaPart, slack: SlackPart, smtp: SmtpPart) -> AsyncIterator[World]:
    slack.clear()
    slack.back()
    smtp.clear()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    consumer = AIOKafkaConsumer(ALERTS_EVENTS.name, bootstrap_servers=kafka.bootstrap, auto_offset_reset="latest", group_id=None)
    await producer.start()
    await consumer.start()
    await consumer.seek_to_end()
    # The position is taken lazily; without asking for it, what comes first would be missed.
    for partition in consumer.assignment():
        await consumer.position(partition)
    world = World(process, producer, kafka, slack, smtp)

    async def listen() -> None:
        async for record in consumer:
            world.events.append(ALERTS_EVENTS.decode(record.value))

    listening = asyncio.create_task(listen())
    try:
        yield world
        slack.back()
        await world.undo()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await consumer.stop()
        await producer.stop()
