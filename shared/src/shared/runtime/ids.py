"""Identifiers that sort by the time they were made."""

import uuid_utils


def new_id() -> str:
    """Return a new UUIDv7 as text; later ids of one process sort after earlier ones."""
    return str(uuid_utils.uuid7())
