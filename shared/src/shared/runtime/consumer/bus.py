"""All subscriptions of a service: the one place where subscribers are made."""

import asyncio
import contextlib
import logging
from functools import partial

from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.contracts.topics import TOPICS, Topic
from shared.runtime.consumer.batch import Batches
from shared.runtime.consumer.intake import METADATA_MS, Intake, PatientConsumer
from shared.runtime.consumer.received import Handler
from shared.runtime.consumer.watch import Watch
from shared.runtime.database import Database
from shared.runtime.delivery.outbox import Outbox
from shared.runtime.kafka_topics import create_missing, wanted, wanted_dead_letter
from shared.runtime.logging import get_logger
from shared.runtime.parts import Away, NotReady, Readiness
from shared.runtime.settings import ServiceSettings

log = get_logger(__name__)

_quiet = logging.getLogger("flowtower.faststream")
_quiet.setLevel(logging.ERROR)
"""What FastStream tells beside errors is known or told by us already; its own logger would write around ours."""


class Bus:
    """A part: everything that a service reads from Kafka."""

    def __init__(self, settings: ServiceSettings, service: str, database: Database, outbox: Outbox, readiness: Readiness) -> None:
        self._settings = settings
        self._service = service
        self._database = database
        self._outbox = outbox
        self._intakes: list[Intake] = []
        self._broker: KafkaBroker | None = None
        self._watching: asyncio.Task[None] | None = None
        readiness.add("consumers", self.check)

    def consume(self, topic: Topic, handler: Handler, *, use: str, max_records: int = 500) -> None:
        """Read ``topic`` as group ``<service>.<use>``; to be called before ``start``."""
        group = f"{self._service}.{use}"
        if any(intake.group == group for intake in self._intakes):
            raise ValueError(f"{group} reads {topic.name} and is taken; give each subscription a use of its own")
        batches = Batches(topic, group, handler, self._outbox)
        self._intakes.append(Intake(batches, member=f"{self._service}-{self._settings.instance}", max_records=max_records))

    async def start(self) -> None:
        """Make missing topics, join the groups and begin. Raises Away while Kafka does not answer."""
        await self._create_topics()
        broker = KafkaBroker(
            self._settings.kafka,
            client_id=f"{self._service}-{self._settings.instance}",
            ack_policy=AckPolicy.MANUAL,
            consumer_only=True,
            metadata_max_age_ms=METADATA_MS,
            allow_auto_create_topics=False,
            apply_types=False,
            graceful_timeout=15.0,
            logger=_quiet,
            log_level=logging.DEBUG,
        )
        for intake in self._intakes:
            intake.batches.stopping = False
            intake.subscribe(broker)
        try:
            await broker.connect()
            config = broker.config.broker_config
            config.builder = partial(PatientConsumer, **config.builder.keywords)  # type: ignore[attr-defined]
            await broker.start()
        except (KafkaError, OSError) as error:
            with contextlib.suppress(Exception):
                await broker.stop()
            raise Away(f"Kafka does not answer at {self._settings.kafka}: {error or type(error).__name__}") from error
        except BaseException:
            with contextlib.suppress(Exception):
                await broker.stop()
            raise
        self._broker = broker
        self._watching = asyncio.create_task(Watch(self._intakes, self._settings.stuck_after).run(), name="consumer watch")

    async def _create_topics(self) -> None:
        topics = [wanted(topic) for topic in {topic.name: topic for topic in (*TOPICS, *(i.topic for i in self._intakes))}.values()]
        topics += [wanted_dead_letter(intake.topic.dead_letter(intake.group)) for intake in self._intakes]
        await create_missing(self._settings.kafka, topics, self._settings.topic_replication)

    async def drain(self) -> None:
        """Take no more batches, finish those in hand, commit, leave the groups."""
        if self._watching is not None:
            watching, self._watching = self._watching, None
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        for intake in self._intakes:
            intake.batches.stopping = True
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.stop()

    async def stop(self) -> None:
        """Drain, if that was not done before."""
        await self.drain()

    async def check(self) -> None:
        """Readiness: every subscription runs and none waits for something."""
        if self._broker is None:
            raise NotReady("not subscribed yet")
        reasons = [(intake.group, intake.batches.waiting or intake.trouble[0] or intake.churn) for intake in self._intakes]
        waiting = [f"{group}: {reason}" for group, reason in reasons if reason]
        if waiting:
            raise NotReady("; ".join(waiting))
