"""Changing a password, and the one-time link by which a lost one is replaced."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.application.definitions import Entry
from gateway.domain.problems import FieldProblem, Invalid
from gateway.identity import throttle
from gateway.identity.passwords import Passwords
from gateway.identity.people import People
from gateway.identity.principal import Principal
from gateway.identity.secrets import same
from gateway.identity.tables import Session, User
from shared.runtime.clock import now
from shared.runtime.database import Database

LINK_LIFE = timedelta(hours=1)

Note = Callable[[AsyncSession, Entry], Awaitable[None]]
"""Writes a line of the audit into the transaction."""


class LinkRefused(Exception):
    """The link for a new password does not work; the text says why."""


class Recovery:
    """The use cases around passwords. ``key``: the gateway's own, which proves that a link is ours."""

    def __init__(self, database: Database, passwords: Passwords, key: bytes, note: Note) -> None:
        self._database = database
        self._passwords = passwords
        self._people = People(database, passwords)
        self._key = key
        self._note = note

    async def change(self, who: Principal, old: str, new: str, *, address: str, request_id: str = "") -> None:
        """Change the own password; every other sign-in ends. Raises Invalid, WrongCredentials or Throttled."""
        _check(new, who.name)
        user = await self._people.proven(who.name, old, address=address)
        await self._replace(user, new, keep=who.session_id, entry=_entry(user, who.name, "password.changed", request_id))

    async def link(self, name: str) -> str | None:
        """Return the token of a link for this person; None when there is no such person. It works once and for an hour."""
        user = await self._named(name)
        if user is None:
            return None
        until = int((now() + LINK_LIFE).timestamp())
        async with self._database.session() as session:
            await self._note(session, _entry(user, "command line", "password.link_made", ""))
        return f"{user.id}.{until}.{self._proof(user, until)}"

    async def person(self, token: str) -> str:
        """Return whose link this is. Raises LinkRefused."""
        return (await self._checked(token, now())).name

    async def reset(self, token: str, new: str, *, request_id: str = "") -> str:
        """Put a new password in place and return the person's name; all of their sign-ins end. Raises Invalid or LinkRefused."""
        user = await self._checked(token, now())
        _check(new, user.name)
        await self._replace(user, new, keep=None, entry=_entry(user, user.name, "password.reset", request_id))
        return user.name

    async def _replace(self, user: User, new: str, *, keep: str | None, entry: Entry) -> None:
        hashed, at = await self._passwords.hash(new), now()
        async with self._database.session() as session:
            # Of two who use a link at once, one finds the password changed already.
            statement = update(User).where(User.id == user.id, User.password_hash == user.password_hash).returning(User.id)  # type: ignore[arg-type,call-overload]
            changed = (await session.execute(statement.values(password_hash=hashed, password_changed_at=at))).scalar_one_or_none()
            if changed is None:
                raise LinkRefused("The password was changed meanwhile.")
            await session.execute(delete(Session).where(Session.user_id == user.id, Session.id != (keep or "")))  # type: ignore[arg-type]
            await throttle.forgive(session, throttle.subjects_of(user.name, ""), [])
            await self._note(session, entry)

    async def _named(self, name: str) -> User | None:
        query = select(User).where(User.name == name.strip().lower()[:200], User.disabled.is_(False))  # type: ignore[arg-type,attr-defined]
        async with self._database.session() as session:
            return (await session.execute(query)).scalar_one_or_none()

    async def _checked(self, token: str, at: datetime) -> User:
        user_id, _, rest = token.partition(".")
        until, _, proof = rest.partition(".")
        async with self._database.session() as session:
            user = (await session.execute(select(User).where(User.id == user_id))).scalar_one_or_none()  # type: ignore[arg-type]
        if user is None or user.disabled or not until.isdecimal() or len(until) > 12 or not same(self._proof(user, int(until)), proof):
            raise LinkRefused("This link was used already, or it is not whole. Print a new one with: python -m gateway reset-link NAME")
        if int(until) <= at.timestamp():
            raise LinkRefused("This link is older than an hour. Print a new one with: python -m gateway reset-link NAME")
        return user

    def _proof(self, user: User, until: int) -> str:
        # It holds the password's hash: with a new password every link from before is dead.
        return hmac.new(self._key, f"reset\0{user.id}\0{until}\0{user.password_hash}".encode(), hashlib.sha256).hexdigest()


def _check(new: str, name: str) -> None:
    weakness = Passwords.weakness(new, name=name)
    if weakness:
        raise Invalid(FieldProblem("new_password", weakness))


def _entry(user: User, who: str, action: str, request_id: str) -> Entry:
    return Entry(who, action, "person", user.id, user.name, request_id=request_id)
