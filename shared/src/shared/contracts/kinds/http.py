"""What the kinds that are called over HTTP share."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator

from shared.contracts.kinds.options import Options

CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
OURS = CREDENTIALS | {"idempotency-key", "traceparent", "host", "content-length", "transfer-encoding", "connection"}
"""Headers (in lower case) that are made of an endpoint's credentials, of the run, or of the call itself: nobody writes them."""


def writable(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers; raise ValueError for one that nobody writes. What signs in is a secret and belongs into the endpoint's."""
    for name in headers:
        if name.lower() in CREDENTIALS:
            raise ValueError(f"'{name}' carries a secret; put it into the endpoint's secrets: password, bearer_token or header_value")
        if name.lower() in OURS:
            raise ValueError(f"'{name}' is set by Flowtower; leave it out")
    return headers


class HttpEndpointOptions(Options):
    base_url: str = Field(min_length=1, max_length=2000, pattern=r"^https?://", description="http:// or https:// and the host.")
    username: str = Field(default="", max_length=200, description="For HTTP basic authentication.")
    headers: Annotated[dict[str, str], AfterValidator(writable)] = Field(default={}, description="Sent with each call; no secrets here.")
    secret_header: str = Field(
        default="",
        max_length=100,
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]*$",
        description="Name of a header that carries a secret, e.g. X-API-Key; its value is the secret header value.",
    )
    verify_tls: bool = True
    ca_pem: str | None = Field(default=None, max_length=100_000)


class HttpEndpointSecrets(Options):
    password: SecretStr | None = None
    bearer_token: SecretStr | None = None
    header_value: SecretStr | None = Field(default=None, description="Value of the secret header.")

    @model_validator(mode="after")
    def _one_line(self) -> "HttpEndpointSecrets":
        if self.header_value is not None and any(sign in self.header_value.get_secret_value() for sign in "\r\n\0"):
            raise ValueError("the secret header's value must be one line")
        return self
