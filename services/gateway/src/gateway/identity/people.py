"""Signing in and out, sessions, API tokens and the first user."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.domain.problems import FieldProblem, Invalid, Missing
from gateway.identity import throttle
from gateway.identity.passwords import Passwords
from gateway.identity.principal import Principal
from gateway.identity.secrets import digest, new_secret, same
from gateway.identity.tables import ApiToken, Session, SetupToken, User
from shared.runtime.clock import now
from shared.runtime.database import Database
from shared.runtime.ids import new_id

SESSION_LIFE = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=2)
SETUP_LIFE = timedelta(hours=24)
TOUCH_EVERY = timedelta(seconds=60)
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,99}")


@dataclass(frozen=True)
class SignedIn:
    """A fresh sign-in: the value of the cookie, which is kept nowhere else."""

    cookie: str
    principal: Principal


class WrongCredentials(Exception):
    """Name or password is wrong; which of them is not said."""


class Throttled(Exception):
    """Too many failures; try again after ``wait``."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(f"Too many failed sign-ins. Try again in {max(int(wait.total_seconds()), 1)} s.")


class SetupRefused(Exception):
    """The set-up link does not work; the text says why."""


class People:
    """The use cases of identity, over the gateway's schema."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    async def sign_in(self, name: str, password: str, *, address: str, device: str = "", old_cookie: str | None = None) -> SignedIn:
        """Check the password and begin a session of a new id; the old one ends. Raises WrongCredentials or Throttled."""
        user, at = await self.proven(name, password, address=address), now()
        async with self._database.session() as session:
            if old_cookie:
                await session.execute(delete(Session).where(Session.secret_hash == digest(old_cookie)))  # type: ignore[arg-type]
            await session.execute(delete(Session).where(Session.expires_at < at))  # type: ignore[arg-type]
            cookie, session_id = new_secret(), new_id()
            values = {
                "id": session_id,
                "secret_hash": digest(cookie),
                "user_id": user.id,
                "started_at": at,
                "used_at": at,
                "expires_at": at + SESSION_LIFE,
                "address": address[:64],
                "device": device[:200],
            }
            await session.execute(insert(Session).values(**values))
        return SignedIn(cookie, Principal(user.id, user.name, user.email, user.role, session_id=session_id))

    async def proven(self, name: str, password: str, *, address: str) -> User:
        """Return the person whose password this is; failed tries slow down. Raises WrongCredentials or Throttled."""
        at, folded = now(), name.strip().lower()[:200]
        subjects = throttle.subjects_of(folded, address)
        async with self._database.session() as session:
            pause = await throttle.pause_before(session, subjects, at)
            if pause:
                raise Throttled(pause)
            user = (await session.execute(select(User).where(User.name == folded))).scalar_one_or_none()  # type: ignore[arg-type]
            # Counted before it is known: tries in parallel can't all be the free one.
            noted = await throttle.note_try(session, subjects, at)
        right = await self._passwords.verify(password, None if user is None else user.password_hash)
        if not right or user is None or user.disabled:
            raise WrongCredentials
        async with self._database.session() as session:
            await throttle.forgive(session, subjects, noted)
        return user

    async def sign_out(self, cookie: str) -> None:
        """End the session; its cookie is worth nothing any more."""
        async with self._database.session() as session:
            await session.execute(delete(Session).where(Session.secret_hash == digest(cookie)))  # type: ignore[arg-type]

    async def by_cookie(self, cookie: str) -> Principal | None:
        """Return who signed in with this cookie, while the session lives and the user may."""
        at = now()
        async with self._database.session() as session:
            query = select(Session, User).join(User, User.id == Session.user_id).where(Session.secret_hash == digest(cookie))  # type: ignore[arg-type]
            found = (await session.execute(query)).one_or_none()
            if found is None:
                return None
            held, user = found
            if held.expires_at <= at or held.used_at + SESSION_IDLE <= at or user.disabled:
                return None
            if at - held.used_at > TOUCH_EVERY:
                await session.execute(update(Session).where(Session.id == held.id).values(used_at=at))  # type: ignore[arg-type]
        return Principal(user.id, user.name, user.email, user.role, session_id=held.id)

    async def by_token(self, token: str) -> Principal | None:
        """Return whose API token this is, while it is good."""
        prefix, _, rest = token.partition("_")
        token_id, _, secret = rest.partition("_")
        if prefix != "ft" or not token_id or not secret:
            return None
        at = now()
        async with self._database.session() as session:
            query = select(ApiToken, User).join(User, User.id == ApiToken.user_id).where(ApiToken.id == token_id)  # type: ignore[arg-type]
            found = (await session.execute(query)).one_or_none()
            if found is None:
                return None
            held, user = found
            if not same(held.secret_hash, digest(secret)) or user.disabled or (held.expires_at is not None and held.expires_at <= at):
                return None
            if held.used_at is None or at - held.used_at > TOUCH_EVERY:
                await session.execute(update(ApiToken).where(ApiToken.id == held.id).values(used_at=at))  # type: ignore[arg-type]
        return Principal(user.id, user.name, user.email, user.role, token_id=held.id)

    async def make_token(self, principal: Principal, name: str, *, days: int | None = 90) -> tuple[str, ApiToken]:
        """Make an API token; its text is returned this once."""
        if not name.strip() or len(name) > 100:
            raise Invalid(FieldProblem("name", "The token needs a name of at most 100 characters.", "Say which program uses it."))
        if days is not None and not 1 <= days <= 3650:
            raise Invalid(FieldProblem("days", f"{days} is not a number of days from 1 to 3650.", "Leave it out for 90."))
        secret, at = new_secret(), now()
        row = ApiToken(
            id=new_id().replace("-", ""),
            user_id=principal.user_id,
            name=name.strip(),
            secret_hash=digest(secret),
            created_at=at,
            expires_at=None if days is None else at + timedelta(days=days),
        )
        async with self._database.session() as session:
            session.add(row)
        return f"ft_{row.id}_{secret}", row

    async def tokens(self, principal: Principal) -> list[ApiToken]:
        """Return the tokens of this person, newest first."""
        query = select(ApiToken).where(ApiToken.user_id == principal.user_id).order_by(ApiToken.created_at.desc())  # type: ignore[arg-type,attr-defined]
        async with self._database.session() as session:
            return list((await session.execute(query)).scalars())

    async def revoke_token(self, principal: Principal, token_id: str) -> None:
        """End a token of this person; somebody else's is not there for them."""
        statement = delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == principal.user_id).returning(ApiToken.id)  # type: ignore[arg-type,call-overload]
        async with self._database.session() as session:
            if (await session.execute(statement)).scalar_one_or_none() is None:
                raise Missing("token", token_id)

    async def sessions(self, principal: Principal) -> list[Session]:
        """Return the live sessions of this person, last used first."""
        query = select(Session).where(Session.user_id == principal.user_id, Session.expires_at > now()).order_by(Session.used_at.desc())  # type: ignore[arg-type,attr-defined]
        async with self._database.session() as session:
            return list((await session.execute(query)).scalars())

    async def end_session(self, principal: Principal, session_id: str) -> None:
        """End a session of this person."""
        statement = delete(Session).where(Session.id == session_id, Session.user_id == principal.user_id).returning(Session.id)  # type: ignore[arg-type,call-overload]
        async with self._database.session() as session:
            if (await session.execute(statement)).scalar_one_or_none() is None:
                raise Missing("session", session_id)

    async def has_user(self) -> bool:
        """Whether the first set-up is done."""
        async with self._database.session() as session:
            return (await session.execute(select(func.count()).select_from(User))).scalar_one() > 0

    async def new_setup_token(self) -> str | None:
        """Return a new one-time token for the first set-up, which ends earlier ones; None once a user exists."""
        secret, at = new_secret(), now()
        async with self._database.session() as session:
            await _lock_setup(session)
            if (await session.execute(select(func.count()).select_from(User))).scalar_one():
                return None
            values = {"id": 1, "secret_hash": digest(secret), "created_at": at, "expires_at": at + SETUP_LIFE}
            await session.execute(insert(SetupToken).values(**values).on_conflict_do_update(index_elements=["id"], set_=values))
        return secret

    async def check_setup(self, token: str) -> None:
        """Raise SetupRefused when the link does not work."""
        async with self._database.session() as session:
            await _check_setup(session, token, now())

    async def set_up(self, token: str, name: str, password: str, *, email: str = "") -> Principal:
        """Make the first user, an administrator. The token dies with it; of two visitors at once one is refused."""
        problems = _problems_of(name, password, email)
        if problems:
            raise Invalid(*problems)
        await self.check_setup(token)
        hashed, at = await self._passwords.hash(password), now()
        async with self._database.session() as session:
            await _lock_setup(session)
            await _check_setup(session, token, at)
            user = User(
                id=new_id(),
                name=name.strip().lower(),
                email=email.strip(),
                password_hash=hashed,
                role="admin",
                created_at=at,
                password_changed_at=at,
            )
            session.add(user)
            await session.execute(delete(SetupToken))
        return Principal(user.id, user.name, user.email, user.role)


def _problems_of(name: str, password: str, email: str) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    if not _NAME.fullmatch(name.strip().lower()):
        problems.append(FieldProblem("name", "This is not a user name.", "Use 2 to 100 letters, digits and . _ @ + -."))
    weakness = Passwords.weakness(password, name=name.strip())
    if weakness:
        problems.append(FieldProblem("password", weakness, ""))
    if email.strip() and not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,255}", email.strip()):
        problems.append(FieldProblem("email", "This is not a mail address.", "Leave it empty, or write name@example.com."))
    return problems


async def _lock_setup(session: object) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext("gateway:setup"))))  # type: ignore[attr-defined]


async def _check_setup(session: object, token: str, at: datetime) -> None:
    users = (await session.execute(select(func.count()).select_from(User))).scalar_one()  # type: ignore[attr-defined]
    if users:
        raise SetupRefused("The set-up is done already. Sign in instead.")
    held = (await session.execute(select(SetupToken))).scalar_one_or_none()  # type: ignore[attr-defined]
    if held is None or not same(held.secret_hash, digest(token)):
        raise SetupRefused("This set-up link is not the newest one. Print a new one with: python -m gateway setup-link")
    if held.expires_at <= at:
        raise SetupRefused("This set-up link is older than a day. Print a new one with: python -m gateway setup-link")
