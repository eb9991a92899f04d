"""A small service of the runtime for the crash tests: reads orders, enters each in a ledger, publishes a receipt.

A parent that has imported everything forks one child per start, so that a hundred starts cost no hundred imports. Commands come
as JSON lines: {"start": {settings}} answers {"pid": …}; {"wait": pid} answers {"code": …}.
"""

import json
import os
import sys
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy import text

from shared.contracts.topics import Topic
from shared.runtime.consumer import Bus, Received, Reject, intake
from shared.runtime.database import Database
from shared.runtime.delivery import Outbox, Transaction, relay, transaction
from shared.runtime.producer import Producer
from shared.runtime.service import Service, run
from shared.runtime.settings import ServiceSettings

# The figures of production would make each restart wait 15 s for what the killed process held.
transaction.HELD_SECONDS = 1
relay.LEASE_SECONDS = 1.5
relay.IDLE_SECONDS = 0.2


class Order(BaseModel):
    number: int
    text: str = ""


class Settings(ServiceSettings):
    station: str
    batch: int = 4
    slow: float = 0.0


def topics(station: str) -> tuple[Topic, Topic]:
    orders = Topic(f"{station}.orders.v1", Order, "key", ("external",), ("station",), partitions=2)
    receipts = Topic(f"{station}.receipts.v1", Order, "key", ("station",), ("external",), partitions=2)
    return orders, receipts


def build(settings: Settings) -> Service:
    service = Service("station", settings)
    orders, receipts = topics(settings.station)
    database = Database(settings, "station", Path(__file__).parent / "station_migrations")
    producer = Producer(settings, "station")
    outbox = Outbox(database, producer)
    bus = Bus(settings, "station", database, outbox, service.readiness)

    async def handle(tx: Transaction, events: list[Received[Order]]) -> None:
        for event in events:
            if event.event is None:
                await tx.session.execute(text("DELETE FROM ledger WHERE key = :key"), {"key": event.key})
                continue
            if event.event.text == "reject":
                raise Reject("this order is never taken")
            if event.event.text == "break":
                raise RuntimeError("broken by order")
            await tx.session.execute(
                text("INSERT INTO ledger (key, number, worker) VALUES (:key, :number, :worker)"),
                {"key": event.key, "number": event.event.number, "worker": settings.instance},
            )
            if settings.slow:
                await tx.session.execute(text("SELECT pg_sleep(:slow)"), {"slow": settings.slow})
            tx.publish(receipts, event.event, key=event.key or "", event_id=f"receipt:{event.event_id}")

    bus.consume(orders, handle, use=settings.station, max_records=settings.batch)
    for name, part in {"postgres": database, "kafka": producer, "outbox": outbox, "bus": bus}.items():
        service.add(part, name=name)
    return service


def main() -> None:
    for line in sys.stdin:
        command = json.loads(line)
        if "start" in command:
            pid = os.fork()
            if pid == 0:
                log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(log, 1)
                os.dup2(log, 2)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                intake.SESSION_MS, intake.HEARTBEAT_MS = 6_000, 500
                run(build(Settings(**command["start"])))
                os._exit(0)
            answer = {"pid": pid}
        else:
            _, status = os.waitpid(command["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
