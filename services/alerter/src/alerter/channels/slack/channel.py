"""Telling people on Slack: chat.postMessage for the first word, chat.update for every later one.

Errors are sorted by what helps: waiting (Retryable) or a person (Permanent). The words are Slack's:
https://api.slack.com/methods/chat.postMessage#errors.
"""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
from pydantic import ValidationError

from alerter.application.channels import Permanent, Retryable
from alerter.channels.slack.config import SlackConfig, SlackSecret
from alerter.channels.slack.message import payload
from alerter.domain.notice import Notice
from shared.runtime.egress import EgressRefused

PACE = 1.0
"""Slack allows about one message a second and channel."""

RETRY_LATER = frozenset(
    {"ratelimited", "rate_limited", "fatal_error", "internal_error", "service_unavailable", "request_timeout", "team_added_to_org"},
)
NOT_THERE_ANY_MORE = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_archived", "not_in_channel"},
)
"""The message of this incident cannot be edited, or stands in a channel that was replaced: a new one takes its place."""

WAY_OUT = {
    "token_expired": "The token has expired: make a new one in Slack and save it in this channel.",
    "token_revoked": "The token was revoked: make a new one in Slack and save it in this channel.",
    "invalid_auth": "Slack does not know this token: copy the bot token (xoxb-…) again.",
    "not_authed": "Slack got no token: save the bot token in this channel.",
    "account_inactive": "The token belongs to a removed app or user: make a new one.",
    "channel_not_found": "There is no such channel, or the bot cannot see it: check its id and invite the bot.",
    "not_in_channel": "The bot is not a member: invite it to the channel.",
    "is_archived": "The Slack channel is archived: choose another one.",
    "missing_scope": "The bot lacks a scope: add chat:write and install the app again.",
    "invalid_blocks": "Slack refused the shape of the message: please report this with the reason.",
}


class SlackChannel:
    """One Slack channel. ``client`` makes the HTTP client: the egress-checked one in production."""

    def __init__(self, config: SlackConfig, secret: SlackSecret, client: Callable[[], httpx.AsyncClient]) -> None:
        self._config = config
        self._secret = secret
        self._client = client

    async def send(self, notice: Notice, receipt: str) -> str:
        """Post or edit. The receipt is ``<channel id>:<ts>``, which chat.update asks for."""
        body = payload(notice)
        if receipt:
            channel, _, ts = receipt.partition(":")
            answer = await self._call("chat.update", {**body, "channel": channel, "ts": ts})
            if answer.get("ok") or answer.get("error") not in NOT_THERE_ANY_MORE:
                return _receipt(answer)
        body["metadata"] = {"event_type": "flowtower_notification", "event_payload": {"notification_id": notice.notification_id}}
        return _receipt(await self._call("chat.postMessage", {**body, "channel": self._config.channel}))

    async def _call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        url = self._config.base_url.rstrip("/") + "/" + method
        try:
            async with self._client() as client:
                response = await client.post(url, json=body, headers={"Authorization": f"Bearer {self._secret.token.get_secret_value()}"})
        except EgressRefused as error:
            raise Permanent(f"{error}. Correct the base URL, or let an administrator allow it.") from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Retryable(f"Slack cannot be reached: {_words(error)}") from error
        except httpx.HTTPError as error:
            raise Retryable(f"Slack's answer was cut off: {_words(error)}", unknown=True) from error
        if response.status_code == 429:
            raise Retryable("Slack asks to wait (429).", retry_after=_seconds(response.headers.get("Retry-After")))
        if response.status_code >= 500:
            raise Retryable(f"Slack answered {response.status_code}.", unknown=True)
        return _json(response)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("ok"), bool):
        return answer
    if response.status_code >= 400:
        raise Permanent(f"{response.request.url.host} answered {response.status_code}, which is not Slack's way: check the base URL.")
    raise Retryable("Slack's answer could not be read.", unknown=True)


def _receipt(answer: Mapping[str, Any]) -> str:
    if answer["ok"]:
        return f"{answer.get('channel', '')}:{answer.get('ts', '')}"
    word = str(answer.get("error", "unknown_error"))[:100]
    if word in RETRY_LATER:
        raise Retryable(f"Slack says {word}.")
    raise Permanent(f"Slack refused: {word}. {WAY_OUT.get(word, 'See the errors of chat.postMessage in the documentation of Slack.')}")


def _seconds(header: str | None) -> float:
    """Return Retry-After in seconds; Slack always sends whole seconds, and anything else is read as half a minute."""
    try:
        return max(0.0, min(3600.0, float(header or "")))
    except ValueError:
        return 30.0


def _words(error: Exception) -> str:
    return str(error)[:300] or type(error).__name__


def build(options: Mapping[str, Any], secret: Mapping[str, str], client: Callable[[], httpx.AsyncClient]) -> SlackChannel:
    """Return the channel of these options; raise Permanent naming the field that is wrong."""
    try:
        return SlackChannel(SlackConfig.model_validate(options), SlackSecret.model_validate(secret), client)
    except ValidationError as error:
        raise Permanent(_fields(error)) from None


def _fields(error: ValidationError) -> str:
    """Name the wrong fields without their values, which may be secret."""
    wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False, include_url=False))
    return f"The Slack channel's settings are wrong: {wrong}"
