"""Settings of the alerter, beside those that every service has."""

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Environment variables ``FLOWTOWER_…``; all times are seconds."""

    port: int = Field(default=8083, ge=0, le=65535)
    alerter_look_every: float = Field(default=1.0, gt=0, le=60, description="How often clusters and holds are looked at.")
    alerter_samples_silent_after: float = Field(default=300.0, gt=0, description="An alert about samples that stop has no data after this.")
    alerter_lease: float = Field(default=30.0, ge=16, le=600, description="How long a claim holds; longer than one sending may take.")
    alerter_backoff_first: float = Field(default=1.0, gt=0, description="Wait after the first failed attempt to send.")
    alerter_backoff_most: float = Field(default=30.0, gt=0, description="The longest wait between attempts.")
    alerter_give_up_after: float = Field(default=259_200.0, gt=0, description="A notification older than this fails for good.")
    alerter_senders: int = Field(default=4, ge=1, le=64, description="Notifications that are sent at the same time.")
