"""``python -m gateway`` runs the service; ``python -m gateway setup-link`` prints the one-time link for the first user,
``python -m gateway reset-link NAME`` the one by which a person who lost their password chooses a new one.
"""

import asyncio
import sys
from urllib.parse import urlencode

from gateway.adapters.ledger import write_audit
from gateway.identity.passwords import Passwords
from gateway.identity.people import People
from gateway.identity.recovery import Recovery
from gateway.main import build, database_of
from gateway.settings import Settings
from shared.runtime.keyfile import KeyFileBroken, read_keys
from shared.runtime.parts import Away
from shared.runtime.service import run

DONE_ALREADY, NOBODY, AWAY, WRONG_USE = 3, 3, 4, 2


async def _setup_link(settings: Settings) -> int:
    database = database_of(settings)
    try:
        await database.start()
        token = await People(database, Passwords()).new_setup_token()
    except Away as away:
        print(f"The set-up link can't be made: {away}", file=sys.stderr)  # noqa: T201 - a command line's answer
        return AWAY
    finally:
        await database.stop()
    if token is None:
        print("The set-up is done: there is a user already. Sign in instead.", file=sys.stderr)  # noqa: T201
        return DONE_ALREADY
    print(f"{settings.public_url.rstrip('/')}/set-up/?{urlencode({'token': token})}")  # noqa: T201
    return 0


async def _reset_link(settings: Settings, name: str) -> int:
    database = database_of(settings)
    try:
        key = read_keys(settings.keys_dir / "gateway.key")[0]
        await database.start()
        token = await Recovery(database, Passwords(), key, write_audit).link(name)
    except (Away, KeyFileBroken) as away:
        print(f"The link can't be made: {away}", file=sys.stderr)  # noqa: T201
        return AWAY
    finally:
        await database.stop()
    if token is None:
        print(f"There is nobody named {name!r} who may sign in.", file=sys.stderr)  # noqa: T201
        return NOBODY
    print(f"{settings.public_url.rstrip('/')}/reset/?{urlencode({'token': token})}")  # noqa: T201
    return 0


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    if not arguments:
        run(build(Settings()))
        return 0
    if arguments == ["setup-link"]:
        return asyncio.run(_setup_link(Settings()))
    if len(arguments) == 2 and arguments[0] == "reset-link":
        return asyncio.run(_reset_link(Settings(), arguments[1]))
    print("Use: python -m gateway [setup-link | reset-link NAME]", file=sys.stderr)  # noqa: T201
    return WRONG_USE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
