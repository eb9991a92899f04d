"""Kind ``email``: one mail thread per incident."""

import re
from email.headerregistry import Address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from shared.contracts.kinds.options import Options

KIND = "email"
TITLE = "E-mail"

_ADDRESS = re.compile(r"^[^@\s<>,;:\"()\[\]\\\x00-\x20\x7f]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")


def _address(text: str) -> str:
    if not _ADDRESS.match(text) or not text.isprintable():
        raise ValueError("is no mail address: write name@domain, without display name, brackets or line breaks")
    Address(addr_spec=text)
    return text


MailAddress = Annotated[str, Field(max_length=254), AfterValidator(_address)]


class EmailConfig(Options):
    """Options of a mail channel."""

    host: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$", description="SMTP server.")
    port: int = Field(default=587, ge=1, le=65535, description="587 for STARTTLS, 465 for TLS.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="starttls (587) and tls (465) check the server's certificate; none sends in the clear and never a password.",
    )
    ca_pem: str | None = Field(default=None, max_length=100_000, description="Extra authority that signs the server's certificate.")
    username: str = Field(default="", max_length=254, description="Empty = no login.")
    sender: MailAddress = Field(description="Address that the mails come from.")
    recipients: tuple[MailAddress, ...] = Field(min_length=1, max_length=50, description="Who is told.")


class EmailSecret(Options):
    """Secrets of a mail channel."""

    password: SecretStr = SecretStr("")
