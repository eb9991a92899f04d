"""The tables of people: users, sign-ins, API tokens, the set-up token and failed tries."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, MetaData
from sqlmodel import Field, SQLModel

METADATA = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_once",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "pk": "%(table_name)s_pk",
    }
)


def _moment(*, nullable: bool = False, index: bool = False) -> Any:
    default: dict[str, Any] = {"default": None} if nullable else {}
    return Field(sa_type=DateTime(timezone=True), nullable=nullable, index=index, **default)


class _Base(SQLModel):
    metadata = METADATA


class User(_Base, table=True):
    """A person. ``name`` is kept folded to lower case: it is unique however it is typed."""

    __tablename__ = "users"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    email: str = ""
    password_hash: str
    role: str = "admin"
    disabled: bool = False
    created_at: datetime = _moment()
    password_changed_at: datetime = _moment()


class Session(_Base, table=True):
    """One sign-in. The cookie's value is not kept, only its SHA-256."""

    __tablename__ = "sessions"

    id: str = Field(primary_key=True)
    secret_hash: str = Field(unique=True)
    user_id: str = Field(foreign_key="users.id", index=True)
    started_at: datetime = _moment()
    used_at: datetime = _moment()
    expires_at: datetime = _moment(index=True)
    address: str = ""
    device: str = ""


class ApiToken(_Base, table=True):
    """A token for programs: ``ft_<id>_<secret>``, of which only the secret's SHA-256 is kept."""

    __tablename__ = "api_tokens"

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id", index=True)
    name: str
    secret_hash: str
    created_at: datetime = _moment()
    expires_at: datetime | None = _moment(nullable=True)
    used_at: datetime | None = _moment(nullable=True)


class SetupToken(_Base, table=True):
    """The one-time token of the first set-up; there is at most one, and none once a user exists."""

    __tablename__ = "setup_tokens"

    id: int = Field(default=1, primary_key=True)
    secret_hash: str
    created_at: datetime = _moment()
    expires_at: datetime = _moment()


class FailedTry(_Base, table=True):
    """A failed sign-in, counted per account name and per address by all replicas together."""

    __tablename__ = "failed_tries"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    subject: str = Field(index=True, description="account:<SHA-256 of the name> or address:<network address>")
    at: datetime = _moment(index=True)
