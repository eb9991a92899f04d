"""The kinds of channels: what each one asks for. The alerter sends; the gateway checks while somebody types."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

Address = Annotated[str, StringConstraints(min_length=3, max_length=320, pattern=r"^[^@\s,<>]+@[^@\s,<>]+$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SlackOptions(_Closed):
    channel: str = Field(min_length=1, max_length=100, pattern=r"^[#@]?[A-Za-z0-9._-]+$", description="Channel id (C0123…) or #name.")
    base_url: str = Field(
        default="https://slack.com/api/",
        max_length=500,
        pattern=r"^https?://",
        description="Root of the Web API; another one only for a proxy.",
    )


class SlackSecrets(_Closed):
    token: SecretStr = Field(min_length=1, description="Bot token, begins with xoxb-; it needs the scope chat:write.")


class EmailOptions(_Closed):
    host: str = Field(min_length=1, max_length=255, description="The mail server.")
    port: int = Field(default=587, ge=1, le=65535, description="587 for STARTTLS, 465 for TLS.")
    security: Literal["starttls", "tls", "none"] = Field(default="starttls", description="none only inside a machine.")
    username: str = Field(default="", max_length=200, description="Empty: no sign-in.")
    sender: Address = Field(description="Address that the mails come from.")
    recipients: tuple[Address, ...] = Field(min_length=1, max_length=50, description="Who is told.")
    ca_pem: str | None = Field(default=None, max_length=100_000, description="Authority that signs the server's certificate.")


class EmailSecrets(_Closed):
    password: SecretStr | None = None


@dataclass(frozen=True)
class ChannelKind:
    """One kind of channel and the shapes of its options."""

    name: str
    title: str
    options: type[BaseModel]
    secrets: type[BaseModel]


CHANNEL_KINDS: dict[str, ChannelKind] = {
    kind.name: kind
    for kind in (ChannelKind("slack", "Slack", SlackOptions, SlackSecrets), ChannelKind("email", "E-mail", EmailOptions, EmailSecrets))
}
