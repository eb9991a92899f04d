"""Settings that every service has; each adds its own beside them. All come from the environment, prefix ``FLOWTOWER_``."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_SCHEMES = ("postgresql://", "postgres://")


class ServiceSettings(BaseSettings):
    """What a service is told at start. A wrong value stops it with a message that names the variable."""

    model_config = SettingsConfigDict(env_prefix="FLOWTOWER_", extra="ignore", frozen=True, hide_input_in_errors=True)

    kafka: str = Field(description="Bootstrap servers, host:port, several with commas.")
    database_url: SecretStr = Field(description="postgresql://user:password@host:port/database, or ?host=/directory of a socket.")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    instance: str = Field(default="0", pattern=r"^[A-Za-z0-9._-]{1,63}$", description="Name of this replica; stable over restarts.")
    keys_dir: Path = Field(default=Path("keys"), description="Made by python -m shared.runtime.keys DIR.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    otlp_endpoint: str | None = Field(default=None, description="Base URL of an OTLP/HTTP collector; spans go nowhere without it.")
    egress_allow: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Networks and host names that the egress policy would refuse otherwise."
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; none when empty.",
    )
    public_url: str = "http://127.0.0.1:8080"
    gateway_url: str = "http://127.0.0.1:8080"
    poller_url: str = "http://127.0.0.1:8081"
    executor_url: str = "http://127.0.0.1:8082"
    alerter_url: str = "http://127.0.0.1:8083"
    topic_replication: int = Field(default=1, ge=1, le=9)
    failpoints: str = Field(default="", description="For tests only; see shared.runtime.failpoints.")
    stuck_after: float = Field(default=45.0, gt=0, description="Seconds with lag and without a commit that end the process.")

    @field_validator("egress_allow", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        # Uvicorn takes what is no network for a name that no peer ever has, and `*` for everybody: both would go unnoticed.
        for part in value:
            try:
                ip_network(part)
            except ValueError:
                raise ValueError(
                    f"FLOWTOWER_TRUSTED_PROXIES: {part!r} is neither an address nor a network. Write 10.0.0.7 or 10.0.0.0/24."
                ) from None
        return value

    @field_validator("kafka")
    @classmethod
    def _servers(cls, value: str) -> str:
        servers = [part.strip() for part in value.split(",") if part.strip()]
        for server in servers:
            host, _, port = server.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"FLOWTOWER_KAFKA: {server!r} is not host:port")
        if not servers:
            raise ValueError("FLOWTOWER_KAFKA: give at least one host:port")
        return ",".join(servers)

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(_SCHEMES):
            raise ValueError("FLOWTOWER_DATABASE_URL: give a postgresql:// URL; other databases are not supported")
        return value

    @field_validator("otlp_endpoint", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value or None
