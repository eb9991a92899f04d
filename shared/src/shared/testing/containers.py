"""Kafka, PostgreSQL and RabbitMQ as containers, for machines with a Docker engine: ``FLOWTOWER_TEST_PARTS=containers``.

The default, ``local``, needs no engine and is what the project's own checks run. This way has not been tried on the
machines that the project is built on, because they have no engine: expect to have to mend it.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from shared.testing.process import PartFailed
from shared.testing.wait import wait_until

VARIABLE = "FLOWTOWER_TEST_PARTS"

KAFKA_IMAGE = "apache/kafka:4.2.0"
POSTGRES_IMAGE = "postgres:18"
RABBITMQ_IMAGE = "rabbitmq:3.13"


class Runnable(Protocol):
    """What a part needs of the thing that runs it, be it a process or a container."""

    def start(self, ready: Callable[[], bool], *, within: float) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


def containers_wanted() -> bool:
    """Tell which way the parts are started; an unknown word is an error."""
    word = os.environ.get(VARIABLE, "local")
    if word not in {"local", "containers"}:
        raise PartFailed(f"{VARIABLE} is {word!r}; say local or containers")
    return word == "containers"


class PartContainer:
    """A part in a container, with the life of a process: killed and started again it keeps its files and its port."""

    def __init__(self, name: str, image: str, *, ports: Mapping[int, int], env: Mapping[str, str]) -> None:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only where an engine is

        self.name = name
        try:
            self._container: Any = DockerContainer(image)
        except Exception as error:
            raise PartFailed(f"{VARIABLE}=containers, but no Docker engine answers: {error}") from error
        for inside, outside in ports.items():
            self._container.with_bind_ports(inside, outside)
        for variable, value in env.items():
            self._container.with_env(variable, value)
        self._made = False

    def start(self, ready: Callable[[], bool], *, within: float) -> None:
        try:
            if self._made:
                self._container.get_wrapped_container().start()
            else:
                self._container.start()
                self._made = True
        except Exception as error:
            raise PartFailed(f"the container of {self.name} could not be started: {error}") from error
        if not wait_until(ready, within=within, every=0.2):
            out, err = self._container.get_logs()
            raise PartFailed(f"{self.name} was not ready within {within:g} s; its log ends:\n{(out + err)[-3000:].decode()}")

    def stop(self) -> None:
        if self._made:
            self._container.get_wrapped_container().stop(timeout=30)

    def kill(self) -> None:
        if self._made:
            self._container.get_wrapped_container().kill()


def kafka_container(port: int) -> PartContainer:
    """One KRaft node that tells its clients the outside port."""
    return PartContainer(
        "kafka",
        KAFKA_IMAGE,
        ports={9092: port},
        env={
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        },
    )


def postgres_container(port: int, password: str) -> PartContainer:
    return PartContainer("postgres", POSTGRES_IMAGE, ports={5432: port}, env={"POSTGRES_PASSWORD": password})


def rabbitmq_container(port: int, user: str, password: str) -> PartContainer:
    env = {"RABBITMQ_DEFAULT_USER": user, "RABBITMQ_DEFAULT_PASS": password}
    return PartContainer("rabbitmq", RABBITMQ_IMAGE, ports={5672: port}, env=env)
