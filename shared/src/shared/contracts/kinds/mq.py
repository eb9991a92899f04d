"""Kind ``mq``: a queue on a RabbitMQ broker (AMQP 0-9-1)."""

from pydantic import Field, SecretStr

from shared.contracts.kinds.options import Options

KIND = "mq"
TITLE = "Message queue"


class EndpointOptions(Options):
    host: str = Field(min_length=1, max_length=255)
    port: int = Field(default=5672, ge=1, le=65535)
    virtual_host: str = Field(default="/", max_length=255)
    username: str = Field(default="", max_length=200)
    tls: bool = False
    ca_pem: str | None = Field(default=None, max_length=100_000)


class EndpointSecrets(Options):
    password: SecretStr | None = None


class ComponentOptions(Options):
    queue: str = Field(min_length=1, max_length=255, description="The queue's name. It must exist, unless 'declare' is true.")
    declare: bool = Field(default=False, description="Create the queue (durable) when it is missing.")
