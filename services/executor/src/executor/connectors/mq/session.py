"""Connections to RabbitMQ: where they may go, how they sign in, and what their errors mean."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import quote

import aiormq
from aiormq import exceptions
from aiormq.abc import AbstractChannel, AbstractConnection

from executor.application.ports import Endpoint, Permanent, Retryable, Trouble
from shared.runtime.egress import Egress, EgressRefused

_CONNECT_SECONDS = 15


@contextmanager
def explained(endpoint: Endpoint, queue: str = "") -> Iterator[None]:  # noqa: C901 - one line for each error of the client
    """Turn the client's errors into ones that people can act on."""
    name = endpoint.name
    try:
        yield
    except Trouble:
        raise
    except EgressRefused as error:
        raise Permanent("EgressRefused", str(error)) from error
    except exceptions.ChannelNotFoundEntity as error:
        text = f"Queue “{queue}” does not exist on {name}. Create it, or set declare: true."
        raise Retryable("QueueNotFound", text, answer=str(error)) from error
    except exceptions.PublishError as error:
        text = f"{name} could not route a message to queue “{queue}”: it was deleted meanwhile. Create it, or set declare: true."
        raise Retryable("QueueNotFound", text, answer=str(error)[:500]) from error
    except exceptions.DeliveryError as error:
        text = f"{name} did not take a message for queue “{queue}”: the queue may be full. Make room, or raise its limit."
        raise Retryable("MessageRefused", text, answer=str(error)[:500]) from error
    except exceptions.ChannelAccessRefused as error:
        text = f"{name} does not allow this user to use queue “{queue}”. Grant the right, or change the endpoint's user."
        raise Permanent("NotAllowed", text, answer=str(error)) from error
    except exceptions.ChannelPreconditionFailed as error:
        text = f"Queue “{queue}” exists on {name} with other properties than durable. Remove declare: true, or make the queue anew."
        raise Permanent("QueueDiffers", text, answer=str(error)) from error
    except (exceptions.AuthenticationError, exceptions.ProbableAuthenticationError) as error:
        text = f"{name} refused the user name, the password or the virtual host. Correct them on the endpoint."
        raise Permanent("AuthenticationFailed", text, answer=str(error)) from error
    except ssl.SSLError as error:
        text = f"{name} has no certificate that we can trust: {error.reason}. Set ca_pem on the endpoint."
        raise Permanent("TlsFailed", text, answer=str(error)) from error
    except (exceptions.AMQPError, exceptions.ChannelInvalidStateError, OSError, TimeoutError) as error:
        options = endpoint.options
        text = f"{name} does not answer at {options.host}:{options.port}, or the connection broke. Check the address and that it runs."
        raise Retryable("ConnectionRefused", text, answer=str(error)[:500]) from error


@asynccontextmanager
async def connected(egress: Egress, endpoint: Endpoint) -> AsyncIterator[AbstractConnection]:
    """Connect to an address that the egress policy has checked; the certificate is held against the name."""
    options = endpoint.options
    addresses = await egress.resolve(options.host, options.port)
    password = endpoint.secrets.password
    user = quote(options.username or "guest", safe="")
    secret = quote(password.get_secret_value() if password else "guest", safe="")
    host = addresses[0]
    where = f"[{host}]" if ":" in host else host
    scheme = "amqps" if options.tls else "amqp"
    url = f"{scheme}://{user}:{secret}@{where}:{options.port}/{quote(options.virtual_host, safe='')}?heartbeat=20&name=flowtower-executor"
    if options.tls:
        context = ssl.create_default_context(cadata=options.ca_pem)
        connection = await aiormq.connect(url, context=context, server_hostname=options.host)
    else:
        connection = await aiormq.connect(url)
    try:
        yield connection
    finally:
        with suppress(exceptions.AMQPError, OSError, RuntimeError, TimeoutError):
            await connection.close(timeout=5)


@asynccontextmanager
async def channel_to(egress: Egress, endpoint: Endpoint, queue: str, *, declare: bool) -> AsyncIterator[tuple[AbstractChannel, int]]:
    """Open a channel with publisher confirms to a queue that is there; yields it with the number of ready messages."""
    with explained(endpoint, queue):
        async with connected(egress, endpoint) as connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            answer = await channel.queue_declare(queue, durable=True, passive=not declare, timeout=_CONNECT_SECONDS)
            yield channel, answer.message_count or 0
