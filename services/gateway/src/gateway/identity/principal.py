"""Who asks, and what each route demands."""

from dataclasses import dataclass
from enum import IntEnum


class Right(IntEnum):
    """What a route demands; a greater right holds the smaller ones."""

    PUBLIC = 0
    VIEW = 1
    OPERATE = 2
    ADMINISTER = 3


ROLES = {"admin": Right.ADMINISTER}
"""Roles and the right each gives. A role that is not listed gives nothing."""


@dataclass(frozen=True)
class Principal:
    """Somebody who proved who they are. ``session_id`` is set for browsers, ``token_id`` for programs."""

    user_id: str
    name: str
    email: str
    role: str
    session_id: str | None = None
    token_id: str | None = None

    def may(self, right: Right) -> bool:
        """Whether the role gives this right."""
        return ROLES.get(self.role, Right.PUBLIC) >= right

    @property
    def via(self) -> str:
        """Whether a person clicked or a program called."""
        return "ui" if self.session_id else "api"


class SignInNeeded(Exception):
    """Nobody signed in, or no longer."""


class NotAllowed(Exception):
    """Signed in, but without the right."""

    def __init__(self, right: Right) -> None:
        self.right = right
        super().__init__(f"This needs the right to {right.name.lower()}. Ask an administrator.")


class ForgedRequest(Exception):
    """A change that does not come from our own pages; nothing was changed."""
