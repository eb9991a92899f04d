"""A strict stand-in of Slack's Web API: it refuses what the real one refuses and records everything."""

from shared.testing.slack.server import SlackPart
from shared.testing.slack.workspace import Message, Request

__all__ = ["Message", "Request", "SlackPart"]
