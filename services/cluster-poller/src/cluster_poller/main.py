"""Puts the cluster-poller together. Nothing connects here."""

from functools import partial
from pathlib import Path

from cluster_poller.adapters.intake import Orphans
from cluster_poller.adapters.leases import ClusterLeases
from cluster_poller.adapters.store import PostgresStore
from cluster_poller.application.commands import Commands
from cluster_poller.application.poll import Poll
from cluster_poller.application.reads import Reads
from cluster_poller.application.watch import Watch
from cluster_poller.clusters.connection import Connections
from cluster_poller.entrypoints.bus import subscribe
from cluster_poller.entrypoints.internal import internal_routes
from cluster_poller.entrypoints.schedule import Schedule
from cluster_poller.registry import MAJORS
from cluster_poller.settings import Settings
from shared.runtime.clock import now
from shared.runtime.consumer import Bus
from shared.runtime.database import Database, why_away
from shared.runtime.delivery import Outbox
from shared.runtime.egress import Egress, EgressPolicy
from shared.runtime.ids import new_id
from shared.runtime.internal import InternalSigner
from shared.runtime.producer import Producer
from shared.runtime.sealed import OpeningKey
from shared.runtime.service import Service

NAME = "cluster-poller"


def build(settings: Settings) -> Service:
    """Return the service, ready to run."""
    service = Service(NAME, settings)
    owner = f"{settings.instance}-{new_id()}"
    database = Database(settings, "poller", Path(__file__).parent / "migrations")
    producer = Producer(settings, NAME)
    outbox = Outbox(database, producer)
    egress = Egress(EgressPolicy.from_settings(settings))
    key = OpeningKey.from_file(settings.keys_dir / "cluster-poller.key")
    connections = Connections(egress, key, MAJORS, answer_seconds=settings.poller_answer_seconds)
    store = PostgresStore(database, outbox, owner)
    poll = Poll(connections, now=now, new_id=new_id)
    commands = Commands(connections, store, now=now)
    watch = partial(Watch, poll=poll, commands=commands, store=store, least_seconds=settings.poller_least_seconds, away=why_away)
    schedule = Schedule(ClusterLeases(database, owner), store, connections, Orphans(outbox, now=now), watch)
    bus = Bus(settings, NAME, database, outbox, service.readiness)
    subscribe(bus, schedule)
    signer = InternalSigner(settings.keys_dir, issuer=NAME)
    service.app.include_router(internal_routes(signer, Reads(connections, now=now), store))
    service.readiness.add("database", database.check)
    service.readiness.add("schedule", schedule.check)
    for name, part in (
        ("database", database),
        ("producer", producer),
        ("outbox", outbox),
        ("connections", connections),
        ("schedule", schedule),
        ("bus", bus),
    ):
        service.add(part, name=name)
    return service
