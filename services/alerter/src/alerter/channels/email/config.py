"""What this channel is made of; the shapes stand with the contracts, because the gateway checks them too."""

from shared.contracts.channels.email import EmailConfig, EmailSecret

__all__ = ["EmailConfig", "EmailSecret"]
