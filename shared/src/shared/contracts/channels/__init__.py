"""The kinds of channels: what each asks for. The gateway checks it while somebody types, the alerter sends by it."""

from dataclasses import dataclass

from shared.contracts.channels import email, slack
from shared.contracts.kinds.options import Options


@dataclass(frozen=True)
class ChannelKind:
    """One kind of channel: its name, its title for people and the shapes of its options."""

    name: str
    title: str
    options: type[Options]
    secrets: type[Options]


CHANNEL_KINDS: dict[str, ChannelKind] = {
    kind.name: kind
    for kind in (
        ChannelKind(slack.KIND, slack.TITLE, slack.SlackConfig, slack.SlackSecret),
        ChannelKind(email.KIND, email.TITLE, email.EmailConfig, email.EmailSecret),
    )
}
