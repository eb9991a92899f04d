"""Kind ``kafka``: a topic on an Apache Kafka cluster."""

from typing import Literal

from pydantic import AwareDatetime, Field, SecretStr

from shared.contracts.kinds.options import Options

KIND = "kafka"
TITLE = "Kafka topic"


class EndpointOptions(Options):
    bootstrap_servers: str = Field(min_length=1, max_length=2000, description="host:port, comma separated.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str = Field(default="", max_length=200)
    ca_pem: str | None = Field(default=None, max_length=100_000, description="Authority that signs the brokers' certificates.")


class EndpointSecrets(Options):
    password: SecretStr | None = None


class ComponentOptions(Options):
    topic: str = Field(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$", description="The topic's name.")
    since: Literal["beginning"] | AwareDatetime = Field(default="beginning", description="Read from here: beginning, or a time.")
    until: Literal["now"] | AwareDatetime = Field(default="now", description="Read up to here: now (when the component starts), or a time.")
