"""A real Apache Kafka: one KRaft node on loopback, data in a folder of its own."""

import asyncio
import subprocess
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from string import Template
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from shared.testing.containers import Runnable, containers_wanted, kafka_container
from shared.testing.kafka_jars import java, kafka_jars
from shared.testing.ports import answers, free_ports
from shared.testing.process import PartFailed, PartProcess, scratch_folder
from shared.testing.wait import eventually

PROPERTIES = Template("""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$folder/data
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=1000
""")

LOGGING = """\
status = warn
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
"""


CLUSTER_ID = "Rmxvd3Rvd2VyVGVzdHMwMA"


def _format_storage(command: list[str]) -> None:
    formatted = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if formatted.returncode != 0:
        raise PartFailed(f"Kafka could not format its storage:\n{formatted.stdout}\n{formatted.stderr}")


class KafkaPart:
    """The broker of a test session. `kill` and `start` again keep its data, its port and its topics."""

    def __init__(self) -> None:
        self.port, self._controller = free_ports(2)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._before_first_start: Callable[[], None] | None = None
        self.process: Runnable = kafka_container(self.port) if containers_wanted() else self._process()

    def _process(self) -> PartProcess:
        folder = scratch_folder("kafka")
        properties, logging = folder / "server.properties", folder / "log4j2.properties"
        properties.write_text(PROPERTIES.substitute(port=self.port, controller=self._controller, folder=folder))
        logging.write_text(LOGGING)
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Djava.io.tmpdir={folder}"]
        run = [java(), *options, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{kafka_jars()}/*"]
        form = [*run, "kafka.tools.StorageTool", "format", "-c", str(properties), "-t", CLUSTER_ID]
        self._before_first_start = partial(_format_storage, form)
        return PartProcess("kafka", [*run, "kafka.Kafka", properties], folder=folder)

    def start(self) -> None:
        """Start the broker and wait until it serves metadata and groups; blocks (in async code: asyncio.to_thread)."""
        if self._before_first_start is not None:
            self._before_first_start()
            self._before_first_start = None
        self.process.start(self._ready, within=90)

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def _ready(self) -> bool:
        return answers(self.port) and run_apart(self._answers()) is True

    async def _answers(self) -> bool:
        """Ask for a group's coordinator: the port opens before groups work, so a connection alone proves little."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
        try:
            await admin.start()
            await admin.find_coordinator("ready")
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True

    async def create_topic(self, name: str, *, partitions: int = 1, config: dict[str, str] | None = None) -> None:
        """Create a topic and wait until its partitions have a leader.

        Raises:
            KafkaError: The broker refused, for example because the topic exists.
        """
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config or {})])
            for topic, code, *rest in answer.topic_errors:
                if code:
                    raise for_code(code)(f"{topic}: {rest}")

            async def led() -> bool:
                described = await admin.describe_topics([name])
                found = described[0]["partitions"]
                return len(found) == partitions and all(each["leader"] >= 0 for each in found)

            await eventually(led, within=15, about=f"leaders for {name}")
        finally:
            await admin.close()

    async def read(self, topic: str, *, at_least: int = 0, within: float = 15.0) -> list["ConsumerRecord[Any, Any]"]:
        """Return every record of a topic (committed ones), per partition in order.

        Waits until `at_least` records are there; fails when they are not, `within` seconds later.
        """
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, isolation_level="read_committed")
        await consumer.start()
        try:

            async def assign() -> bool:
                consumer.assign([TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()])
                return bool(consumer.assignment())

            await consumer._client.add_topic(topic)  # noqa: SLF001 - the only way to ask without subscribing
            await eventually(assign, within=within, about=f"topic {topic}")
            await consumer.seek_to_beginning()
            found: list[ConsumerRecord[Any, Any]] = []

            async def enough() -> bool:
                while batch := await consumer.getmany(timeout_ms=200):
                    for records in batch.values():
                        found.extend(records)
                ends = await consumer.end_offsets(list(consumer.assignment()))
                at_end = [await consumer.position(each) >= end for each, end in ends.items()]
                return all(at_end) and len(found) >= at_least

            await eventually(enough, within=within, about=f"{at_least} records in {topic} (there are {len(found)})")
            return sorted(found, key=lambda record: (record.partition, record.offset))
        finally:
            await consumer.stop()


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread with a loop of its own, so that a fixture can wait for it inside a running loop."""
    result: list[Any] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            result.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            errors.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return result[0]
