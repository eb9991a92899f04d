"""The workspace behind the stand-in: its channels, its messages, and what each API method does with them."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from shared.testing.slack.blocks import problems_of

BOT = {"user_id": "U0FLOWTOWER", "bot_id": "B0FLOWTOWER", "team_id": "T0TEST", "team": "Test", "user": "flowtower"}
MOST_TEXT = {"chat.postMessage": 40_000, "chat.update": 4_000}


class Refused(Exception):
    """The method answers ``ok: false`` with this error word."""

    def __init__(self, error: str, *messages: str) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages


@dataclass(frozen=True)
class Request:
    """One call as it came in, with the answer that it got."""

    at: float
    method: str
    arguments: dict[str, Any]
    status: int
    answer: dict[str, Any]


@dataclass
class Message:
    """One message as people would see it now; `edits` holds what it said before each update."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    attachments: list[dict[str, Any]]
    thread_ts: str | None
    edits: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)

    def wire(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"type": "message", "ts": self.ts, "text": self.text, "user": BOT["user_id"]}
        if self.blocks:
            shown["blocks"] = self.blocks
        if self.thread_ts:
            shown["thread_ts"] = self.thread_ts
        if self.edits:
            shown["edited"] = {"user": BOT["user_id"], "ts": self.ts}
        return shown


@dataclass
class Channel:
    id: str
    name: str
    archived: bool = False
    member: bool = True

    def wire(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "is_archived": self.archived, "is_member": self.member}


class Workspace:
    """Channels and messages. The methods are the API's, with a dot written as ``_``; they raise `Refused`."""

    def __init__(self) -> None:
        self.channels = [
            Channel("C0ALERTS", "alerts"),
            Channel("C0OTHER", "other"),
            Channel("C0OLD", "old", archived=True),
            Channel("C0CLOSED", "closed", member=False),
        ]
        self.messages: list[Message] = []
        self._numbers = itertools.count(100)

    def call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        known = {
            "auth.test": lambda _: dict(BOT, url="https://test.slack.example/"),
            "chat.postMessage": self.post,
            "chat.update": self.update,
            "conversations.list": self.list_channels,
            "conversations.info": lambda given: {"channel": self._channel(given).wire()},
            "conversations.join": self.join,
            "conversations.history": self.history,
            "conversations.replies": self.replies,
        }
        if method not in known:
            raise Refused("unknown_method")
        return known[method](arguments)

    def post(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(given, by_name=True)
        if channel.archived:
            raise Refused("is_archived")
        if not channel.member:
            raise Refused("not_in_channel")
        text, blocks, attachments = self._content("chat.postMessage", given)
        thread = str(given["thread_ts"]) if given.get("thread_ts") else None
        if thread is not None:
            self._message(channel, thread)
        ts = f"1700000000.{next(self._numbers):06d}"
        message = Message(channel.id, ts, text, blocks, attachments, thread)
        self.messages.append(message)
        return {"channel": channel.id, "ts": ts, "message": message.wire()}

    def update(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(given)
        message = self._message(channel, str(given.get("ts", "")))
        text, blocks, attachments = self._content("chat.update", given)
        message.edits.append((message.text, message.blocks))
        message.text, message.blocks, message.attachments = text, blocks, attachments
        return {"channel": channel.id, "ts": message.ts, "text": text, "message": message.wire()}

    def join(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(given)
        if channel.archived:
            raise Refused("is_archived")
        channel.member = True
        return {"channel": channel.wire()}

    def list_channels(self, given: dict[str, Any]) -> dict[str, Any]:
        shown = [each for each in self.channels if not (each.archived and _yes(given.get("exclude_archived")))]
        start, most = _number(given.get("cursor"), 0), _number(given.get("limit"), 100)
        if not 1 <= most <= 1000:
            raise Refused("invalid_limit")
        more = str(start + most) if start + most < len(shown) else ""
        page = [each.wire() for each in shown[start : start + most]]
        return {"channels": page, "response_metadata": {"next_cursor": more}}

    def history(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(given)
        found = [each.wire() for each in self.messages if each.channel == channel.id and each.thread_ts is None]
        return {"messages": found[::-1], "has_more": False}

    def replies(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(given)
        first = next((each for each in self.messages if (each.channel, each.ts) == (channel.id, given.get("ts"))), None)
        if first is None:
            raise Refused("thread_not_found")
        found = [each.wire() for each in self.messages if first.ts in {each.ts, each.thread_ts}]
        return {"messages": found, "has_more": False}

    def _channel(self, given: dict[str, Any], *, by_name: bool = False) -> Channel:
        wanted = given.get("channel")
        for channel in self.channels:
            if wanted == channel.id or (by_name and wanted in {channel.name, f"#{channel.name}"}):
                return channel
        raise Refused("channel_not_found")

    def _message(self, channel: Channel, ts: str) -> Message:
        for message in self.messages:
            if (message.channel, message.ts) == (channel.id, ts):
                return message
        raise Refused("message_not_found")

    def _content(self, method: str, given: dict[str, Any]) -> tuple[str, list[Any], list[Any]]:
        text, blocks, attachments = given.get("text") or "", given.get("blocks"), given.get("attachments")
        blocks = _parsed(blocks, "invalid_blocks_format")
        attachments = _parsed(attachments, "invalid_attachments")
        if not isinstance(text, str):
            raise Refused("invalid_arguments", "[ERROR] must be a string [json-pointer:/text]")
        if not text and not blocks and not attachments:
            raise Refused("no_text")
        if len(text) > MOST_TEXT[method]:
            raise Refused("msg_too_long")
        if len(attachments) > 100:
            raise Refused("too_many_attachments")
        found = problems_of(blocks)
        for attachment in attachments:
            found.extend(problems_of(attachment.get("blocks", [])) if isinstance(attachment, dict) else ["not an object"])
        if found:
            raise Refused("invalid_blocks", *found)
        return text, blocks, attachments


def _parsed(value: object, error: str) -> list[Any]:
    """Return a list that was given as JSON or, as forms must, as a string of JSON."""
    if value in (None, ""):
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as cause:
            raise Refused(error) from cause
    if not isinstance(value, list):
        raise Refused(error)
    return value


def _yes(value: object) -> bool:
    return value in {True, "true", "1"}


def _number(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else otherwise
