"""What all tables share: aware times, JSON columns and predictable names of constraints."""

from typing import Any

from sqlalchemy import DateTime, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

METADATA = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_once",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "pk": "%(table_name)s_pk",
    }
)


class Base(SQLModel):
    """Base of the tables, with a catalogue of their own."""

    metadata = METADATA


def moment(*, nullable: bool = False, index: bool = False) -> Any:
    """Return a column for an aware time."""
    default: dict[str, Any] = {"default": None} if nullable else {}
    return Field(sa_type=DateTime(timezone=True), nullable=nullable, index=index, **default)


def document(*, nullable: bool = False) -> Any:
    """Return a JSON column."""
    default: dict[str, Any] = {"default": None} if nullable else {"default_factory": dict}
    return Field(sa_type=JSONB(none_as_null=True), nullable=nullable, **default)


def listed() -> Any:
    """Return a JSON column that holds a list."""
    return Field(sa_type=JSONB(none_as_null=True), nullable=False, default_factory=list)


def words(*, default: str = "") -> Any:
    """Return a text column without a length of its own."""
    return Field(default=default, sa_type=Text)
