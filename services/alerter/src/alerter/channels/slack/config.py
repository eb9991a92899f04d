"""What this channel is made of; the shapes stand with the contracts, because the gateway checks them too."""

from shared.contracts.channels.slack import SlackConfig, SlackSecret

__all__ = ["SlackConfig", "SlackSecret"]
