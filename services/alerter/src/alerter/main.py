"""The composition root: what the alerter is made of. Nothing connects before the service runs."""

import asyncio
from pathlib import Path

from alerter.adapters.cel import Compiler
from alerter.adapters.pulse import Pulse
from alerter.adapters.store import Stores
from alerter.application.commands import Commands
from alerter.application.definitions import Definitions
from alerter.application.happenings import Happenings
from alerter.application.pipeline import Sending, Telling
from alerter.application.rulebook import RuleBook
from alerter.application.watch import Watch
from alerter.domain.notification import Backoff
from alerter.entrypoints.bus import subscribe
from alerter.entrypoints.internal import router
from alerter.entrypoints.sender import Sender
from alerter.entrypoints.timer import Every
from alerter.registry import channel_kinds, secret_opener
from alerter.settings import Settings
from shared.runtime.consumer import Bus
from shared.runtime.database import Database
from shared.runtime.delivery import Outbox
from shared.runtime.egress import Egress, EgressPolicy
from shared.runtime.ids import new_id
from shared.runtime.internal import InternalSigner, require_internal
from shared.runtime.producer import Producer
from shared.runtime.sealed import OpeningKey
from shared.runtime.service import Service

NAME = "alerter"
MIGRATIONS = Path(__file__).parent / "migrations"
TIDY_SECONDS = 60.0


def build(settings: Settings) -> Service:
    """Return the alerter, put together and not yet running."""
    service = Service(NAME, settings)
    database = Database(settings, "alerter", MIGRATIONS)
    producer = Producer(settings, NAME)
    outbox = Outbox(database, producer)
    wake = asyncio.Event()
    stores = Stores(outbox, wake.set)
    compiler = Compiler()
    rules = RuleBook(compiler.compile)
    kinds = channel_kinds(Egress(EgressPolicy.from_settings(settings)))
    telling = Telling(kinds, new_id)
    sending = Sending(
        transaction=stores.opened,
        kinds=kinds,
        open_secret=secret_opener(OpeningKey.from_file(settings.keys_dir / "alerter.key")),
        backoff=Backoff(
            first=settings.alerter_backoff_first,
            most=settings.alerter_backoff_most,
            give_up_after=settings.alerter_give_up_after,
        ),
        public_url=settings.public_url,
        holder=f"{NAME}-{settings.instance}",
        lease=settings.alerter_lease,
    )
    pulse = Pulse(database, samples_silent_after=settings.alerter_samples_silent_after)
    watch = Watch(pulse.beat, stores.opened, telling, rules, samples_silent_after=settings.alerter_samples_silent_after)
    bus = Bus(settings, NAME, database, outbox, service.readiness)
    subscribe(
        bus,
        stores,
        Happenings(telling, rules),
        Definitions(telling, compiler.compile, new_id),
        Commands(telling, new_id),
    )
    looking = Every(watch.look, settings.alerter_look_every, name="watch")

    service.app.include_router(router(compiler, require_internal(InternalSigner(settings.keys_dir), NAME)))
    service.readiness.add("database", database.check)
    service.readiness.add("kafka", producer.check)
    service.readiness.add("watch", looking.check)
    service.add(database, name="database")
    service.add(producer, name="kafka")
    service.add(outbox, name="outbox")
    service.add(Sender(sending, pulse.next_notification, wake, most=settings.alerter_senders), name="sender")
    service.add(bus, name="consumers")
    service.add(looking, name="watch")
    service.add(Every(watch.tidy, TIDY_SECONDS, name="tidy"), name="tidy")
    return service
