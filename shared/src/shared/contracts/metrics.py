"""Samples: numbers over time, from our own services or from outside programs."""

from pydantic import Field

from shared.contracts.base import Contract, Utc


class Sample(Contract):
    name: str = Field(
        min_length=1,
        max_length=200,
        pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:.]*$",
        description="Base units, e.g. orders_waiting or lag_seconds.",
    )
    value: float
    labels: dict[str, str] = Field(default={}, max_length=20)
    at: Utc | None = Field(default=None, description="None = when the message was received.")


class MetricSamples(Contract):
    """``metrics.samples.v1``: samples of one source, e.g. {"source": "billing", "samples": [{"name": "orders_waiting", "value": 3}]}."""

    source: str = Field(min_length=1, max_length=200)
    samples: tuple[Sample, ...] = Field(min_length=1, max_length=1000)
