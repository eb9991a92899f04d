"""Subscriptions: which topics the gateway reads, and which writer takes each."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.read_model.alert_writer import write_alert_events, write_samples
from gateway.adapters.read_model.cluster_writer import write_cluster_observations, write_command_outcomes, write_dag_observations
from gateway.adapters.read_model.run_writer import write_run_events
from gateway.adapters.read_model.trigger_writer import write_trigger_events
from shared.contracts.topics import (
    ALERTS_EVENTS,
    CLUSTERS_OBSERVATIONS,
    CLUSTERS_OUTCOMES,
    DAGS_OBSERVATIONS,
    METRICS_SAMPLES,
    RUNS_OUTCOMES,
    TRIGGERS_EVENTS,
)
from shared.runtime.consumer import Bus, Handler, Received
from shared.runtime.delivery import Transaction

Writer = Callable[[AsyncSession, Sequence[Any]], Awaitable[None]]


def subscribe(bus: Bus) -> None:
    """Declare every subscription of the gateway."""
    bus.consume(CLUSTERS_OBSERVATIONS, _by(write_cluster_observations), use="clusters")
    bus.consume(DAGS_OBSERVATIONS, _by(write_dag_observations), use="dags", max_records=50)
    bus.consume(CLUSTERS_OUTCOMES, _by(write_command_outcomes), use="commands")
    bus.consume(RUNS_OUTCOMES, _by(write_run_events), use="runs")
    bus.consume(TRIGGERS_EVENTS, _by(write_trigger_events), use="triggers")
    bus.consume(ALERTS_EVENTS, _by(write_alert_events), use="alerts")
    bus.consume(METRICS_SAMPLES, _samples, use="metrics")


def _by(writer: Writer) -> Handler:
    async def handle(transaction: Transaction, batch: Sequence[Received[Any]]) -> None:
        events = [received.event for received in batch if received.event is not None]
        if events:
            await writer(transaction.session, events)

    return handle


async def _samples(transaction: Transaction, batch: Sequence[Received[Any]]) -> None:
    await write_samples(transaction.session, [(received.event, received.time) for received in batch if received.event is not None])
