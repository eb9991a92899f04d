"""Puts the gateway together. Nothing connects here."""

from pathlib import Path

from fastapi import FastAPI

from gateway.adapters.addresses import PolicyAddresses
from gateway.adapters.bulk_worker import BulkWorker
from gateway.adapters.ledger import write_audit
from gateway.adapters.read_model.housekeeping import Housekeeping
from gateway.adapters.read_model.reading import SqlReadModel
from gateway.adapters.read_model.retention import finished_runs
from gateway.adapters.sealing import SealToServices
from gateway.adapters.services import InternalServices, ServiceWatch
from gateway.adapters.work import SqlWorks
from gateway.adapters.yaml import ThreadedYaml
from gateway.application.commands.alerting import ChannelShape, RuleShape
from gateway.application.commands.asking import AskAlerter, AskClusters
from gateway.application.commands.bulk import BulkRetries
from gateway.application.commands.clusters import ClusterShape
from gateway.application.commands.definitions import Define
from gateway.application.commands.endpoints import EndpointShape
from gateway.application.commands.retries import RetryRuns
from gateway.application.commands.runs import AskRuns
from gateway.application.commands.testing import TestConnections
from gateway.application.commands.triggers import AskTriggers
from gateway.application.commands.workflows import PublishWorkflows
from gateway.application.queries.pages import Pages
from gateway.application.queries.versions import Versions
from gateway.entrypoints import bus as subscriptions
from gateway.entrypoints import problems
from gateway.entrypoints.api.routes import ROUTERS
from gateway.entrypoints.application import Application
from gateway.entrypoints.live import socket
from gateway.entrypoints.live.hub import Hub
from gateway.entrypoints.middleware import Edge
from gateway.entrypoints.web import routes as pages
from gateway.identity.csrf import Csrf
from gateway.identity.guard import Cookies, Identity, unguarded
from gateway.identity.passwords import Passwords
from gateway.identity.people import People
from gateway.identity.recovery import Recovery
from gateway.settings import Settings
from shared.runtime.consumer import Bus
from shared.runtime.database import Database
from shared.runtime.delivery import Outbox
from shared.runtime.egress import EgressPolicy
from shared.runtime.keyfile import read_keys
from shared.runtime.origin import Origin
from shared.runtime.producer import Producer
from shared.runtime.retention import Retention
from shared.runtime.service import Service

SCHEMA = "gateway"
MIGRATIONS = Path(__file__).parent / "migrations"


def database_of(settings: Settings) -> Database:
    """Return the gateway's schema."""
    return Database(settings, SCHEMA, MIGRATIONS, pool_size=10)


def build(settings: Settings) -> Service:
    """Return the service, ready to run. Raises when a route declares no policy or a key is missing."""
    service = Service("gateway", settings)
    database = database_of(settings)
    producer = Producer(settings, "gateway")
    outbox = Outbox(database, producer, Origin(settings.keys_dir))
    services = InternalServices(
        {"cluster-poller": settings.poller_url, "executor": settings.executor_url, "alerter": settings.alerter_url}, settings.keys_dir
    )
    watch, hub, yaml = ServiceWatch(services, service.readiness, database), Hub(database), ThreadedYaml()
    bus = Bus(settings, "gateway", database, outbox, service.readiness)
    subscriptions.subscribe(bus)

    app = service.app
    application = app.state.application = _application(settings, database, outbox, services, watch, yaml)
    key, passwords = read_keys(settings.keys_dir / "gateway.key")[0], Passwords()
    recovery = Recovery(database, passwords, key, write_audit)
    csrf = Csrf(key, settings.public_url)
    app.state.identity = Identity(People(database, passwords), csrf, Cookies(settings.secure), recovery)
    app.state.hub = hub
    _routes(app, settings)

    service.readiness.add("database", database.check)
    service.readiness.add("live", hub.check)
    service.add(database, name="database")
    service.add(yaml, name="yaml")
    service.add(services, name="internal clients")
    service.add(watch, name="service watch")
    service.add(hub, name="live hub")
    service.add(Housekeeping(database), name="housekeeping")
    service.add(Retention(database, settings.instance, finished_runs(settings.gateway_keep_days)), name="retention")
    service.add(producer, name="producer")
    service.add(outbox, name="outbox")
    service.add(bus, name="consumers")
    service.add(BulkWorker(application.bulk.step), name="bulk retries")
    return service


def _application(
    settings: Settings, database: Database, outbox: Outbox, services: InternalServices, watch: ServiceWatch, yaml: ThreadedYaml
) -> Application:
    works, reads, sealer = SqlWorks(outbox), SqlReadModel(database), SealToServices(settings.keys_dir)
    addresses = PolicyAddresses(EgressPolicy.from_settings(settings))
    clusters, endpoints = ClusterShape(addresses), EndpointShape(addresses)
    reads = SqlReadModel(database)
    return Application(
        works=works,
        reads=reads,
        services=watch,
        on_demand=services,
        clusters=Define(works, sealer, clusters),
        endpoints=Define(works, sealer, endpoints),
        rules=Define(works, sealer, RuleShape(services)),
        channels=Define(works, sealer, ChannelShape()),
        workflows=PublishWorkflows(works, yaml),
        versions=Versions(reads, yaml),
        runs=AskRuns(works),
        triggers=AskTriggers(works),
        retries=RetryRuns(works),
        bulk=BulkRetries(works, reads),
        commands=AskClusters(works),
        alerter=AskAlerter(works),
        tests=TestConnections(works, sealer, services, clusters, endpoints),
    )


def _routes(app: FastAPI, settings: Settings) -> None:
    for router in (*ROUTERS, socket.router):
        # As they are: `include_router` makes each route a second time, for a prefix that none of ours needs.
        app.routes.extend(router.routes)
    problems.install(app)
    if settings.ui_dir is not None:
        application: Application = app.state.application
        pages.install(app, settings.ui_dir, Pages(application.reads, application.services, application.on_demand))
    missing = unguarded(app.routes, open_mounts=frozenset({pages.STATIC}))
    if missing:
        raise RuntimeError(f"These routes declare no policy: {', '.join(missing)}")
    app.add_middleware(Edge, hosts=settings.hosts, secure=settings.secure)
