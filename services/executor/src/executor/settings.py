"""What the executor is told at start."""

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    port: int = Field(default=8082, ge=0, le=65535)
    executor_lease: float = Field(default=6.0, gt=0.5, le=60, description="Seconds without a sign of life after which others take over.")
    executor_look: float = Field(default=0.25, gt=0.01, le=10, description="Seconds between looks for planned attempts and requests.")
    executor_most_active: int = Field(default=20_000, ge=100, description="Runs in memory above which no new commands are taken.")
    executor_keep_days: float = Field(default=30.0, gt=0, le=36_500, description="Days that a finished run's journal is kept.")
    executor_poll: int = Field(default=1000, ge=1, le=10_000, description="Commands taken at once.")
