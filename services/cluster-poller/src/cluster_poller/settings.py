"""Settings of the cluster-poller."""

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service has, and how often clusters may be polled at most."""

    port: int = Field(default=8081, ge=0, le=65535)
    poller_least_seconds: float = Field(default=1.0, ge=0.2, le=3600, description="No cluster is polled more often than this.")
