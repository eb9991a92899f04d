"""What the person at the terminal may set: environment variables, and the same names in the file `.env`.

The environment wins over the file. Every FLOWTOWER_ variable that is not only about this machine's set-up is handed on to
the services.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowtower_local.trouble import Trouble

PREFIX = "FLOWTOWER_"
OWN = "FLOWTOWER_LOCAL_"
"""What one stage of a command tells the next; no setting, and never handed on: it would make every start look changed."""
SERVICES = ("gateway", "cluster-poller", "executor", "alerter")


@dataclass(frozen=True)
class Port:
    """A port, who listens there, and the variable that changes it."""

    part: str
    number: int
    variable: str


_PORTS = {
    "gateway": ("FLOWTOWER_PORT", 8080),
    "cluster-poller": ("FLOWTOWER_POLLER_PORT", 8081),
    "executor": ("FLOWTOWER_EXECUTOR_PORT", 8082),
    "alerter": ("FLOWTOWER_ALERTER_PORT", 8083),
    "kafka": ("FLOWTOWER_KAFKA_PORT", 19092),
    "kafka-controller": ("FLOWTOWER_KAFKA_CONTROLLER_PORT", 19093),
    "postgres": ("FLOWTOWER_POSTGRES_PORT", 15432),
}
_DEMO_PORTS = {
    "demo-airflow-2": ("FLOWTOWER_DEMO_AIRFLOW_2_PORT", 18792),
    "demo-airflow-3": ("FLOWTOWER_DEMO_AIRFLOW_3_PORT", 18793),
    "demo-orders": ("FLOWTOWER_DEMO_ORDERS_PORT", 18794),
    "demo-rabbitmq": ("FLOWTOWER_DEMO_RABBITMQ_PORT", 15673),
    "demo-rabbitmq-peer": ("FLOWTOWER_DEMO_RABBITMQ_PEER_PORT", 25673),
    "demo-rabbitmq-mapper": ("FLOWTOWER_DEMO_RABBITMQ_MAPPER_PORT", 14369),
}
_ONLY_LOCAL = frozenset({variable for variable, _ in (_PORTS | _DEMO_PORTS).values()} | {"FLOWTOWER_WAIT", "FLOWTOWER_DEMO_TOKEN"})


@dataclass(frozen=True)
class LocalSettings:
    """Read once per command."""

    host: str = "127.0.0.1"
    ports: Mapping[str, Port] = field(default_factory=dict)
    kafka: str | None = None
    database_url: str | None = None
    public_url: str | None = None
    wait_seconds: float = 180.0
    handed_on: Mapping[str, str] = field(default_factory=dict)

    def port(self, part: str) -> int:
        return self.ports[part].number

    def url(self, service: str) -> str:
        """How parts on this machine reach a service; a service bound to every address is reached at loopback."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port(service)}"

    def ports_needed(self, *, demo: bool = False) -> list[Port]:
        """Those that something of ours is going to listen on: embedded parts that are switched off need none."""
        off = set() if demo else set(_DEMO_PORTS)
        off |= {"kafka", "kafka-controller"} if self.kafka else set()
        off |= {"postgres"} if self.database_url else set()
        return [port for part, port in self.ports.items() if part not in off]


def read(root: Path, environment: Mapping[str, str] | None = None) -> LocalSettings:
    """The settings of a checkout, or `Trouble` that names the variable."""
    given = {name: value for name, value in _dotenv(root / ".env").items() if name.startswith(PREFIX)}
    actual = os.environ if environment is None else environment
    given |= {name: value for name, value in actual.items() if name.startswith(PREFIX)}
    given = {name: value for name, value in given.items() if not name.startswith(OWN)}
    ports = {part: Port(part, _port(given, name, default), name) for part, (name, default) in (_PORTS | _DEMO_PORTS).items()}
    _refuse_twice(ports)
    return LocalSettings(
        host=given.get("FLOWTOWER_HOST") or "127.0.0.1",
        ports=ports,
        kafka=given.get("FLOWTOWER_KAFKA") or None,
        database_url=given.get("FLOWTOWER_DATABASE_URL") or None,
        public_url=given.get("FLOWTOWER_PUBLIC_URL") or None,
        wait_seconds=_seconds(given, "FLOWTOWER_WAIT", 180.0),
        handed_on={name: value for name, value in given.items() if name not in _ONLY_LOCAL},
    )


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, "").strip() or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Trouble(f"{name}={text} is not a port.", "Give a number from 1 to 65535.")
    return int(text)


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name, "").strip() or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if seconds <= 0:
        raise Trouble(f"{name}={text} is not a number of seconds.", "Give a number above 0.")
    return seconds


def _refuse_twice(ports: Mapping[str, Port]) -> None:
    seen: dict[int, Port] = {}
    for port in ports.values():
        other = seen.setdefault(port.number, port)
        if other is not port:
            raise Trouble(
                f"Port {port.number} is wanted twice: by {other.part} ({other.variable}) and {port.part} ({port.variable}).",
                f"Give one of them another port, for example {port.variable}={port.number + 1000}.",
            )


def _dotenv(file: Path) -> dict[str, str]:
    """NAME=value lines, `#` comments, optional quotes: the part of the format that Compose reads the same way."""
    if not file.is_file():
        return {}
    found = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.removeprefix("export ").partition("=")
        if not equals:
            raise Trouble(f"{file}:{number}: '{name}' has no '='.", "Lines read NAME=value; a comment starts with #.")
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        found[name.strip()] = value[1:-1] if quoted else value.split(" #", 1)[0].rstrip()
    return found
