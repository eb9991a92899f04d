"""Slack, by a bot token: one message per incident, edited as the incident goes on."""
