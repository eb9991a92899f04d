"""What the supervisor runs: each program with its command, its environment, and the order in which it starts."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowtower_local.kafka import Kafka
from flowtower_local.places import Places
from flowtower_local.postgres import Postgres
from flowtower_local.settings import SERVICES, LocalSettings
from flowtower_local.stamps import digest, files_below
from flowtower_local.strays import MARK

_LOOPBACK = "127.0.0.0/8,::1/128"


@dataclass(frozen=True)
class Program:
    """One supervised process. `url` is its base address when it answers /readyz."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    priority: int
    port: int | None = None
    url: str | None = None
    folder: Path = Path("/")
    account: str | None = None
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    hidden: frozenset[str] = field(default=frozenset())


def postgres_program(postgres: Postgres, places: Places) -> Program:
    return Program(
        name="postgres",
        command=postgres.command(),
        environment={MARK: str(places.state), "LC_ALL": "C.UTF-8"},
        priority=100,
        port=postgres.port,
        account=postgres.runner.account,
        stop_signal="INT",
    )


def kafka_program(kafka: Kafka, places: Places) -> Program:
    return Program(
        name="kafka",
        command=kafka.command(),
        environment={MARK: str(places.state), "LC_ALL": "C.UTF-8"},
        priority=200,
        port=kafka.port,
        folder=kafka.folder,
    )


def service_environment(service: str, settings: LocalSettings, places: Places, database_url: str, kafka: str) -> dict[str, str]:
    """Everything a service reads. What the person set wins over our defaults, but never over another part's address."""
    gateway = settings.url("gateway")
    return {
        "FLOWTOWER_INSTANCE": "0",
        "FLOWTOWER_LOG_LEVEL": "INFO",
        "FLOWTOWER_LOG_FORMAT": "json",
        # On one machine the Airflow, the queue or the mail server to talk to is usually right here.
        "FLOWTOWER_EGRESS_ALLOW": _LOOPBACK,
        "FLOWTOWER_TOPIC_REPLICATION": "1",
        "FLOWTOWER_UI_DIR": str(places.ui),
        "FLOWTOWER_PUBLIC_URL": gateway,
        **settings.handed_on,
        "FLOWTOWER_KAFKA": kafka,
        "FLOWTOWER_DATABASE_URL": database_url,
        "FLOWTOWER_HOST": settings.host,
        "FLOWTOWER_PORT": str(settings.port(service)),
        "FLOWTOWER_KEYS_DIR": str(places.keys),
        "FLOWTOWER_GATEWAY_URL": gateway,
        "FLOWTOWER_POLLER_URL": settings.url("cluster-poller"),
        "FLOWTOWER_EXECUTOR_URL": settings.url("executor"),
        "FLOWTOWER_ALERTER_URL": settings.url("alerter"),
        MARK: str(places.state),
        "PYTHONUNBUFFERED": "1",
    }


def service_programs(settings: LocalSettings, places: Places, database_url: str, kafka: str) -> list[Program]:
    """The four services. A digest of what each one reads at its start stands in the environment, so that a change restarts it."""
    programs = []
    for order, service in enumerate(SERVICES):
        module = service.replace("-", "_")
        environment = service_environment(service, settings, places, database_url, kafka)
        environment["FLOWTOWER_LOCAL_SOURCES"] = digest(_read_at_start(service, places))[:16]
        programs.append(
            Program(
                name=service,
                command=[str(places.python if places.python.exists() else sys.executable), "-m", module],
                environment=environment,
                priority=300 + order,
                port=settings.port(service),
                url=settings.url(service),
                folder=places.root,
                stop_seconds=30,
            )
        )
    return programs


def _read_at_start(service: str, places: Places) -> Iterator[Path]:
    """The files that a running service would not notice a change of.

    For the gateway also the templates and the built front end: a build gives files new names, which its pages must speak of.
    """
    yield from files_below(places.root / "shared" / "src" / "shared", places.root / "services" / service / "src")
    if service == "gateway":
        yield from files_below(places.ui / "templates", places.ui / "dist")
