"""What stands around every page: navigation, counts, the services' state, the person."""

from datetime import datetime

from gateway.application.views.parts import Seen, Tone, View


class ServiceState(View):
    """One service as the gateway last saw it. ``up=None``: not known, e.g. never heard of since the start."""

    name: str
    up: bool | None
    seen: Seen
    reason: str = ""


class Person(View):
    """Who is signed in."""

    id: str
    name: str
    email: str
    role: str

    @property
    def initials(self) -> str:
        """Two letters for the round badge."""
        words = [word for word in self.name.replace(".", " ").replace("@", " ").split() if word]
        return "".join(word[0] for word in words[:2]).upper() or "?"


class Notice(View):
    """A message that a redirect leaves for the next page, shown once."""

    tone: Tone
    text: str


class Shell(View):
    """The frame of a page for a signed-in person."""

    person: Person
    services: tuple[ServiceState, ...]
    open_incidents: int | None
    now: datetime

    @property
    def services_tone(self) -> Tone:
        """The worst of the services' states."""
        if any(service.up is False for service in self.services):
            return "bad"
        if not self.services or any(service.up is None for service in self.services):
            return "unknown"
        return "ok"

    @property
    def services_text(self) -> str:
        """One line under the navigation, naming what is away."""
        away = [service.name for service in self.services if service.up is False]
        unknown = [service.name for service in self.services if service.up is None]
        if away:
            return f"{' and '.join(away)} {'is' if len(away) == 1 else 'are'} away"
        if unknown:
            return f"Not heard of: {', '.join(unknown)}"
        if not self.services:
            return "Services not known yet"
        return f"All {len(self.services)} services up"
