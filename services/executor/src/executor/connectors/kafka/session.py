"""Connections to a Kafka cluster: where they may go, how they sign in, and what their errors mean."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, errors

from executor.application.ports import Endpoint, Permanent, Retryable, Trouble
from shared.runtime.egress import Egress, EgressRefused
from shared.runtime.kafka_closing import close

_REQUEST_MS = 15_000


@contextmanager
def explained(endpoint: Endpoint) -> Iterator[None]:
    """Turn the client's errors into ones that people can act on."""
    try:
        yield
    except (Trouble, EgressRefused) as error:
        if isinstance(error, EgressRefused):
            raise Permanent("EgressRefused", str(error)) from error
        raise
    except (errors.TopicAuthorizationFailedError, errors.GroupAuthorizationFailedError, errors.ClusterAuthorizationFailedError) as error:
        text = f"{endpoint.name} does not allow this user to do that. Grant the right on the brokers, or change the endpoint's user."
        raise Permanent("NotAllowed", text, answer=str(error)) from error
    except (errors.AuthenticationFailedError, errors.SaslAuthenticationFailed) as error:
        text = f"{endpoint.name} refused the user name or password. Correct them on the endpoint."
        raise Permanent("AuthenticationFailed", text, answer=str(error)) from error
    except errors.MessageSizeTooLargeError as error:
        text = f"A message is larger than {endpoint.name} takes. Raise max.message.bytes of the topic."
        raise Permanent("MessageTooLarge", text, answer=str(error)) from error
    except (errors.KafkaConnectionError, errors.NodeNotReadyError, OSError, TimeoutError) as error:
        servers = endpoint.options.bootstrap_servers
        text = f"{endpoint.name} does not answer at {servers}. Check the address and that the brokers run."
        raise Retryable("ConnectionRefused", text, answer=str(error)) from error
    except errors.KafkaError as error:
        code = type(error).__name__.removesuffix("Error")
        message = f"{endpoint.name} answered with an error: {error}."
        raise (Retryable if error.retriable else Permanent)(code, message, answer=str(error)) from error


def _options(endpoint: Endpoint) -> dict[str, Any]:
    options = endpoint.options
    given: dict[str, Any] = {
        "bootstrap_servers": options.bootstrap_servers,
        "security_protocol": options.security_protocol,
        "request_timeout_ms": _REQUEST_MS,
        "client_id": "flowtower-executor",
    }
    if options.security_protocol in {"SSL", "SASL_SSL"}:
        given["ssl_context"] = ssl.create_default_context(cadata=options.ca_pem)
    if options.security_protocol.startswith("SASL"):
        password = endpoint.secrets.password
        given["sasl_mechanism"] = options.sasl_mechanism or "PLAIN"
        given["sasl_plain_username"] = options.username
        given["sasl_plain_password"] = password.get_secret_value() if password else ""
    return given


async def _allowed(egress: Egress, addresses: list[tuple[str, int]]) -> None:
    for host, port in addresses:
        await egress.resolve(host, port)


def _bootstrap(endpoint: Endpoint) -> list[tuple[str, int]]:
    found = []
    for server in endpoint.options.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            raise Permanent("AddressInvalid", f"bootstrap_servers of {endpoint.name}: “{server.strip()}” is not host:port.")
        found.append((host.strip("[]"), int(port)))
    return found


async def _open(egress: Egress, client: Any) -> None:
    await client.start()
    # The cluster tells where its brokers are; those addresses are as untrusted as the first ones.
    inner = client.client if isinstance(client, AIOKafkaProducer) else client._client  # noqa: SLF001 - the consumer has no public name for it
    await _allowed(egress, [(broker.host, broker.port) for broker in inner.cluster.brokers()])


@asynccontextmanager
async def consuming(egress: Egress, endpoint: Endpoint, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    """Open a consumer whose partitions are chosen by us; a ``group`` only keeps its offsets."""
    with explained(endpoint):
        await _allowed(egress, _bootstrap(endpoint))
        consumer = AIOKafkaConsumer(
            **_options(endpoint),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        try:
            await _open(egress, consumer)
            yield consumer
        finally:
            await close(consumer)


@asynccontextmanager
async def producing(egress: Egress, endpoint: Endpoint) -> AsyncIterator[AIOKafkaProducer]:
    """Open an idempotent producer that waits for every replica."""
    with explained(endpoint):
        await _allowed(egress, _bootstrap(endpoint))
        producer = AIOKafkaProducer(
            **_options(endpoint), enable_idempotence=True, acks="all", compression_type="lz4", linger_ms=2, max_batch_size=256 * 1024
        )
        try:
            await _open(egress, producer)
            yield producer
        finally:
            await producer.stop()


async def partitions_of(client: Any, endpoint: Endpoint, topic: str) -> list[int]:
    """Return the topic's partitions. All topics are listed, because asking for one may create it."""
    cluster = await client.fetch_all_metadata()
    found = cluster.partitions_for_topic(topic)
    if not found:
        text = f"Topic “{topic}” does not exist on {endpoint.name}. Create it, or correct topic: in the workflow."
        raise Retryable("TopicNotFound", text)
    return sorted(found)
