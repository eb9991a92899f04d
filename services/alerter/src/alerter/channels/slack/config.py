"""What a Slack channel is made of."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SlackConfig(BaseModel):
    """Options of a Slack channel. The bot needs the scope ``chat:write`` and must be a member of the channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: str = Field(min_length=1, max_length=100, pattern=r"^[#@]?[A-Za-z0-9._-]+$", description="Channel id (C0123…) or #name.")
    base_url: str = Field(
        default="https://slack.com/api/",
        max_length=500,
        pattern=r"^https?://",
        description="Root of the Web API; something else only for a stand-in or a proxy.",
    )


class SlackSecret(BaseModel):
    """Secrets of a Slack channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = Field(min_length=1, description="Bot token, begins with xoxb-.")
