"""Starts what was installed: prepares the embedded parts, hands all programs to the supervisor, waits, and tells where to go."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from flowtower_local import jars, ports, readiness, ui_build
from flowtower_local.kafka import Kafka
from flowtower_local.places import Places
from flowtower_local.postgres import Postgres
from flowtower_local.programs import (
    Program,
    kafka_program,
    postgres_program,
    service_environment,
    service_programs,
)
from flowtower_local.progress import Step, step
from flowtower_local.readiness import Watched
from flowtower_local.settings import LocalSettings, Port
from flowtower_local.stamps import Stamp, digest
from flowtower_local.supervision import Supervisor
from flowtower_local.trouble import Trouble

_NO_LINK = 3  # `python -m gateway setup-link` ends with it when somebody has signed up already


@dataclass
class Line:
    """The programs of one start, in order, with how each is asked whether it is ready."""

    programs: list[Program] = field(default_factory=list)
    watched: list[Watched] = field(default_factory=list)
    database_url: str = ""
    kafka: str = ""

    def add(self, program: Program, watched: Watched) -> None:
        self.programs.append(program)
        self.watched.append(watched)


def prepare_parts(places: Places, settings: LocalSettings) -> Line:
    """PostgreSQL and Kafka: their files made where they are embedded, nothing done where addresses are given."""
    line = Line(database_url=settings.database_url or "", kafka=settings.kafka or "")
    if settings.database_url is None:
        postgres = Postgres.at(places.postgres, settings.port("postgres"))
        with step("PostgreSQL's data") as running:
            running.say("created" if postgres.prepare() else "kept")
        line.database_url = postgres.url()
        line.add(
            postgres_program(postgres, places),
            Watched("postgres", lambda: None if postgres.is_ready() else "starting, or recovering after a crash"),
        )
    if settings.kafka is None:
        with step("Kafka's archives") as running:
            fetched = jars.fetch(places.jars, on_progress=lambda done, of: running.say(f"{done} of {of} fetched"))
            running.say(f"{fetched} fetched, each one as the lock says" if fetched else "nothing to do")
        kafka = Kafka.at(places.kafka, settings.port("kafka"), settings.port("kafka-controller"), jars=places.jars)
        with step("Kafka's data") as running:
            running.say("created" if kafka.prepare() else "kept")
        line.kafka = kafka.bootstrap
        line.add(kafka_program(kafka, places), Watched("kafka", lambda: readiness.ask_kafka(kafka.bootstrap)))
    return line


def prepare_services(places: Places, settings: LocalSettings, line: Line) -> None:
    """The UI, the keys, and the four services."""
    with step("The user interface") as running:
        ui_build.install(places, running)
    with step("Keys") as running:
        _make_keys(places, running)
    for program in service_programs(settings, places, line.database_url, line.kafka):
        url = program.url or ""
        line.add(program, Watched(program.name, lambda url=url: readiness.ask_service(url)))  # type: ignore[misc]


def _make_keys(places: Places, running: Step) -> None:
    """Those that are missing; one that is there stays, since what was sealed with it opens with no other."""
    before = set(places.keys.glob("*"))
    made = subprocess.run(
        [str(places.python), "-m", "shared.runtime.keys", str(places.keys)], capture_output=True, text=True, check=False, timeout=60
    )
    if made.returncode != 0:
        raise Trouble(f"The keys could not be made: {(made.stderr or made.stdout).strip()[-600:]}")
    fresh = set(places.keys.glob("*")) - before
    running.say(f"{len(fresh)} made" if fresh else "kept")


def start(places: Places, settings: LocalSettings, line: Line) -> list[str]:
    """Hand the programs to the supervisor and wait for all; returns what was (re)started."""
    supervisor = Supervisor(places)
    supervisor.write_configuration(line.programs)
    with step("The supervisor") as running:
        if supervisor.is_alive():
            alive = {one.name for one in supervisor.states() if one.is_running}
            ports.refuse_taken(settings.host, _to_be_opened(settings, line.programs, alive))
            touched = supervisor.update()
            running.say(f"(re)started {', '.join(touched)}" if touched else "everything runs already")
        else:
            supervisor.start()
            touched = [program.name for program in line.programs]
            running.say("started")
    readiness.wait_for(line.watched, supervisor, places, settings.wait_seconds)
    return touched


def _to_be_opened(settings: LocalSettings, programs: Sequence[Program], alive: set[str]) -> list[Port]:
    return [settings.ports[program.name] for program in programs if program.name in settings.ports and program.name not in alive]


def setup_link(places: Places, settings: LocalSettings, line: Line) -> str | None:
    """The one-time link for the first user; None when there is a user already.

    Once somebody has signed up in the embedded database (whose password is new with its data), it is not asked again.
    """
    signed_up = Stamp(places.stamps, "signed-up")
    value = digest([], line.database_url)
    if settings.database_url is None and signed_up.is_current(value):
        return None
    environment = service_environment("gateway", settings, places, line.database_url, line.kafka)
    asked = subprocess.run(
        [str(places.python), "-m", "gateway", "setup-link"],
        capture_output=True, text=True, check=False, timeout=60, cwd=places.root, env={**os.environ, **environment},
    )  # fmt: skip
    if asked.returncode == _NO_LINK:
        signed_up.finish(value)
        return None
    if asked.returncode != 0:
        raise Trouble(f"The set-up link could not be made: {(asked.stderr or asked.stdout).strip()[-600:]}")
    return asked.stdout.strip().splitlines()[-1]
