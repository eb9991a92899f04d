"""The kinds of channels. A new one is a folder under ``channels/`` and a line here."""

import ssl
from collections.abc import Callable, Mapping

import httpcore
import httpx

from alerter.application.channels import ChannelKind, Permanent
from alerter.channels.email import channel as email
from alerter.channels.slack import channel as slack
from shared.contracts.alerts import ChannelDefined
from shared.runtime.egress import Egress
from shared.runtime.sealed import OpeningKey, SealBroken, SealedForAnother

ANSWER_BYTES = 1024 * 1024
DEADLINE = 12.0


def channel_kinds(egress: Egress) -> dict[str, ChannelKind]:
    """Return every kind of channel by its name."""
    trust = ssl.create_default_context()

    def client() -> httpx.AsyncClient:
        return egress.client(verify=trust, max_bytes=ANSWER_BYTES, deadline=DEADLINE)

    async def resolve(host: str, port: int) -> list[str]:
        try:
            return await egress.resolve(host, port)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise OSError(str(error)) from error

    return {
        "slack": ChannelKind(lambda options, secret: slack.build(options, secret, client), pace=slack.PACE, tells_updates=True),
        "email": ChannelKind(lambda options, secret: email.build(options, secret, resolve), pace=email.PACE, tells_updates=False),
    }


def secret_opener(key: OpeningKey) -> Callable[[ChannelDefined], Mapping[str, str]]:
    """Return what opens the secrets of a channel: a JSON object of texts, sealed to the alerter for this very channel."""

    def opened(defined: ChannelDefined) -> Mapping[str, str]:
        if not defined.sealed_secret:
            return {}
        try:
            return key.open_texts(defined.sealed_secret, owner=defined.channel_id)
        except (SealBroken, SealedForAnother) as error:
            raise Permanent(f"The secrets of {defined.name} cannot be opened: {error}. Save them again.") from error

    return opened
