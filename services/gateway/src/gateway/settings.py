"""What the gateway is told at start, beside what every service is told."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Prefix ``FLOWTOWER_``, as everywhere."""

    port: int = Field(default=8080, ge=0, le=65535)
    ui_dir: Path | None = Field(default=None, description="Folder with templates/ and dist/; without it there are no pages, only the API.")
    gateway_keep_days: float = Field(default=90.0, gt=0, le=36_500, description="Days that a finished run is shown.")
    gateway_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Host names under which the gateway answers, beside that of FLOWTOWER_PUBLIC_URL and loopback."
    )

    @field_validator("gateway_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @property
    def secure(self) -> bool:
        """Whether people come by https: then cookies say so."""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def hosts(self) -> frozenset[str]:
        """All host names that are ours."""
        own = {urlsplit(url).hostname or "" for url in (self.public_url, self.gateway_url)}
        return frozenset({*own, *self.gateway_hosts, "127.0.0.1", "localhost", "[::1]"} - {""})
