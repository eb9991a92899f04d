"""A real RabbitMQ from Debian's package, as a private process with a private port mapper."""

import os
from types import TracebackType
from typing import Self

import aio_pika
from aio_pika.abc import AbstractRobustConnection
from aiormq.exceptions import AMQPError

from shared.testing.containers import Runnable, containers_wanted, rabbitmq_container
from shared.testing.kafka import run_apart
from shared.testing.ports import answers, free_ports
from shared.testing.process import PartProcess, find_program, scratch_folder

USER, PASSWORD = "guest", "guest"
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"


class RabbitPart:
    """The queue server of a test session. Durable queues and persistent messages survive `kill` and `start`."""

    def __init__(self) -> None:
        self.port, self._distribution, self._mapper_port = free_ports(3)
        self.url = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"
        self._mapper: PartProcess | None = None
        self.process: Runnable = rabbitmq_container(self.port, USER, PASSWORD) if containers_wanted() else self._process()

    def _process(self) -> PartProcess:
        folder = scratch_folder("rabbitmq")
        (folder / "plugins").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndistribution.listener.interface = 127.0.0.1\n"
            "disk_free_limit.absolute = 50MB\nlog.console = true\nlog.console.level = warning\n"
        )
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"flowtower{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_USE_LONGNAME": "false",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        # The port mapper runs as a part of its own: started by the server it would stay behind as a daemon.
        epmd = find_program("epmd", package="erlang-base rabbitmq-server")
        self._mapper = PartProcess("epmd", [epmd, "-relaxed_command_check"], folder=folder, env=env)
        server = find_program("rabbitmq-server", package="rabbitmq-server", also=[SERVER])
        return PartProcess("rabbitmq", [server], folder=folder, env=env, stop_within=30)

    def start(self) -> None:
        """Start the server and wait until AMQP answers; blocks (in async code: asyncio.to_thread)."""
        if self._mapper is not None and not self._mapper.running:
            self._mapper.start(lambda: answers(self._mapper_port), within=20)
        self.process.start(lambda: answers(self.port) and run_apart(self._answers()) is True, within=180)

    def stop(self) -> None:
        self.process.stop()
        if self._mapper is not None:
            self._mapper.stop()

    def kill(self) -> None:
        self.process.kill()

    async def _answers(self) -> bool:
        try:
            connection = await aio_pika.connect(self.url, timeout=5)
        except (TimeoutError, OSError, AMQPError):
            return False
        await connection.close()
        return True

    def admin(self) -> "QueueAdmin":
        """Return what looks at queues and changes them from a test: ``async with rabbitmq.admin() as queues``."""
        return QueueAdmin(self.url)


class QueueAdmin:
    """Queues as a test needs them: declare, count, fill, read everything, purge, delete."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AbstractRobustConnection | None = None

    async def __aenter__(self) -> Self:
        self._connection = await aio_pika.connect_robust(self._url, timeout=15)
        return self

    async def __aexit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if self._connection is not None:
            await self._connection.close()

    def _connected(self) -> AbstractRobustConnection:
        if self._connection is None:
            raise RuntimeError("use it as: async with rabbitmq.admin() as queues")
        return self._connection

    async def declare(self, name: str) -> None:
        """Make a durable queue; one of the same kind that is there already stays as it is."""
        async with self._connected().channel() as channel:
            await channel.declare_queue(name, durable=True)

    async def delete(self, name: str) -> None:
        async with self._connected().channel() as channel:
            await channel.queue_delete(name)

    async def purge(self, name: str) -> None:
        async with self._connected().channel() as channel:
            await (await channel.get_queue(name)).purge()

    async def count(self, name: str) -> int:
        """Return how many messages wait in a queue.

        Raises:
            aiormq.exceptions.ChannelNotFoundEntity: There is no such queue.
        """
        async with self._connected().channel() as channel:
            queue = await channel.declare_queue(name, passive=True)
            return queue.declaration_result.message_count or 0

    async def publish(self, name: str, bodies: list[bytes], *, headers: dict[str, str] | None = None) -> None:
        """Put persistent messages into a queue, each confirmed by the server."""
        async with self._connected().channel(publisher_confirms=True) as channel:
            for body in bodies:
                message = aio_pika.Message(body, headers=dict(headers or {}), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, routing_key=name, mandatory=True)

    async def take_all(self, name: str) -> list[aio_pika.abc.AbstractIncomingMessage]:
        """Take every message that waits now out of a queue, in its order."""
        async with self._connected().channel() as channel:
            queue = await channel.get_queue(name)
            taken: list[aio_pika.abc.AbstractIncomingMessage] = []
            while (message := await queue.get(no_ack=True, fail=False)) is not None:
                taken.append(message)
            return taken
