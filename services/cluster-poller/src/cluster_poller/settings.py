"""Settings of the cluster-poller."""

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service has, how often clusters may be polled, and how long they may take."""

    port: int = Field(default=8081, ge=0, le=65535)
    poller_least_seconds: float = Field(default=1.0, ge=0.2, le=3600, description="No cluster is polled more often than this.")
    poller_answer_seconds: float = Field(
        default=25.0,
        ge=1,
        le=110,
        description="Longest that one answer of a cluster may take; an Airflow 3 API server may fall silent for 12 s.",
    )
