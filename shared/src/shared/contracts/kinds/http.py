"""What the kinds that are called over HTTP share."""

from pydantic import Field, SecretStr, model_validator

from shared.contracts.kinds.options import Options


class HttpEndpointOptions(Options):
    base_url: str = Field(min_length=1, max_length=2000, pattern=r"^https?://", description="http:// or https:// and the host.")
    username: str = Field(default="", max_length=200, description="For HTTP basic authentication.")
    headers: dict[str, str] = Field(default={}, description="Sent with each call; no secrets here.")
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
