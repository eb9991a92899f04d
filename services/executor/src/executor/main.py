"""Puts the executor together. Nothing connects before the service runs."""

import socket
from pathlib import Path

from executor.adapters.clusters import PostgresClusters
from executor.adapters.collector import QuietCollector
from executor.adapters.desk import PostgresDesk
from executor.adapters.figures import Figures
from executor.adapters.gates import PostgresGates
from executor.adapters.journal import COMMANDS, PostgresJournal
from executor.adapters.lanes import lane_of
from executor.adapters.outcomes import KafkaOutcomes
from executor.adapters.registries import PostgresRegistries
from executor.adapters.registry_lag import RegistryLag
from executor.adapters.retention import finished_runs
from executor.adapters.retry_plugins import installed
from executor.adapters.run_turns import PostgresTurns
from executor.adapters.spans import ENDS, export_span
from executor.adapters.triggers.book import PostgresBook
from executor.adapters.triggers.events import PausedEvents
from executor.adapters.yard import ThreadYard
from executor.application.admission import Admission
from executor.application.attempts import Attempts
from executor.application.commands import Commands
from executor.application.copies import Copy
from executor.application.engine import Engine
from executor.application.ports import Connector
from executor.application.registries import Plans
from executor.application.requests import Requests
from executor.application.run_queue import RunQueue
from executor.application.triggers.watch import TriggerWatch
from executor.application.upkeep import DatabaseClock, Life
from executor.application.writer import JournalWriter
from executor.entrypoints.bus import subscribe
from executor.entrypoints.commands import CommandIntake
from executor.entrypoints.internal import internal_routes
from executor.registry import connectors_of
from executor.settings import Settings
from shared.contracts.topics import CLUSTERS_REGISTRY, ENDPOINTS_REGISTRY, WORKFLOWS_REGISTRY, Topic
from shared.runtime.consumer import Bus
from shared.runtime.database import Database
from shared.runtime.delivery import Outbox
from shared.runtime.egress import Egress, EgressPolicy
from shared.runtime.internal import InternalSigner
from shared.runtime.origin import Origin
from shared.runtime.producer import Producer
from shared.runtime.retention import Retention
from shared.runtime.sealed import OpeningKey
from shared.runtime.service import Service


def build(settings: Settings, connectors: dict[str, Connector] | None = None) -> Service:
    """Return the service. ``connectors`` are further kinds, for tests and benchmarks."""
    service = Service("executor", settings)
    database = Database(settings, "executor", Path(__file__).parent / "migrations", pool_size=6)
    producer = Producer(settings, "executor")
    outbox = Outbox(database, producer, Origin(settings.keys_dir))
    clusters = PostgresClusters(database, outbox, _copy(settings, CLUSTERS_REGISTRY, "clusters"))
    kinds = connectors_of(Egress(EgressPolicy.from_settings(settings)), clusters) | (connectors or {})
    registries = PostgresRegistries(database, OpeningKey.from_file(settings.keys_dir / "executor.key"))
    plans = Plans(registries, kinds, installed(), endpoints=_copy(settings, ENDPOINTS_REGISTRY, "endpoints"))
    journal = PostgresJournal(database)
    outcomes = KafkaOutcomes(settings)
    clock = DatabaseClock()
    host = f"{socket.gethostname()}/{settings.instance}"
    # The life is made last and known to what it ends: by these names only.
    writer = JournalWriter(journal, outcomes, lease=settings.executor_lease, lost=lambda reason: life.lost(reason))  # noqa: PLW0108 - the life is made below
    yard = ThreadYard(settings, epoch=lambda: life.epoch)
    admission = Admission(plans, PostgresGates(database), epoch=lambda: life.epoch)
    engine = Engine(Attempts(plans, yard), admission, writer, host=host, clock=clock, lane=lane_of)
    Figures(engine, writer, admission)
    if settings.otlp_endpoint:
        engine.watch(export_span, *ENDS)
    queue = RunQueue(engine, PostgresTurns(database), journal, plans, epoch=lambda: life.epoch, most_active=settings.executor_most_active)
    requests = Requests(engine, admission, queue, journal, plans)
    life = Life(
        engine,
        writer,
        journal=journal,
        outcomes=outcomes,
        requests=requests,
        clock=clock,
        instance=settings.instance,
        host=host,
        lease=settings.executor_lease,
        look=settings.executor_look,
    )
    engine.watch(life.planned, "attempt.failed")
    lag = RegistryLag(settings.kafka, WORKFLOWS_REGISTRY, "executor.workflows")
    desk = PostgresDesk(outbox, COMMANDS)
    events = PausedEvents(database)
    commands = Commands(engine, journal, plans, desk, queue, consumer=COMMANDS, caught_up=lag.caught_up, nudge=life.nudge, events=events)
    triggers = TriggerWatch(PostgresBook(database, outbox), plans, kinds, epoch=lambda: life.epoch)
    bus = Bus(settings, "executor", database, outbox, service.readiness)
    subscribe(bus, plans, triggers.nudge)
    intake = CommandIntake(
        settings,
        commands,
        writer,
        outbox,
        queue,
        Origin(settings.keys_dir),
        group=COMMANDS,
        poll=settings.executor_poll,
    )
    service.add(database, name="database")
    service.add(producer, name="producer")
    service.add(outbox, name="outbox")
    service.add(outcomes, name="outcomes")
    service.add(yard, name="yard")
    service.add(clusters, name="clusters")
    service.add(admission, name="admission")
    # Before what joins a group: that can take as long as a dead member's session, and the dead one's runs must not wait for it. The
    # versions that they name stand in the tables.
    service.add(life, name="life")
    service.add(bus, name="bus")
    service.add(queue, name="queue")
    service.add(intake, name="commands")
    service.add(triggers, name="triggers")
    service.add(Retention(database, settings.instance, finished_runs(settings.executor_keep_days)), name="retention")
    service.add(QuietCollector(), name="collector")
    for name, check in (("database", database.check), ("kafka", producer.check), ("outcomes", outcomes.check)):
        service.readiness.add(name, check)
    service.readiness.add("epoch", life.check)
    service.readiness.add("commands", intake.check)
    service.app.include_router(internal_routes(InternalSigner(settings.keys_dir), registries, kinds))
    return service


def _copy(settings: Settings, topic: Topic, use: str) -> Copy:
    return Copy(use, RegistryLag(settings.kafka, topic, f"executor.{use}").while_kafka_answers)
