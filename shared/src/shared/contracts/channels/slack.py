"""Kind ``slack``: one live message per incident in a Slack channel."""

from pydantic import Field, SecretStr

from shared.contracts.kinds.options import Options

KIND = "slack"
TITLE = "Slack"


class SlackConfig(Options):
    """Options of a Slack channel. The bot needs the scope ``chat:write`` and must be a member of the channel."""

    channel: str = Field(min_length=1, max_length=100, pattern=r"^[#@]?[A-Za-z0-9._-]+$", description="Channel id (C0123…) or #name.")
    base_url: str = Field(
        default="https://slack.com/api/",
        max_length=500,
        pattern=r"^https?://",
        description="Root of the Web API; something else only for a stand-in or a proxy.",
    )


class SlackSecret(Options):
    """Secrets of a Slack channel."""

    token: SecretStr = Field(min_length=1, description="Bot token, begins with xoxb-; it needs the scope chat:write.")
