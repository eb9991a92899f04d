"""``python -m gateway`` runs the service; ``python -m gateway setup-link`` prints the one-time link for the first user."""

import asyncio
import sys
from urllib.parse import urlencode

from gateway.identity.passwords import Passwords
from gateway.identity.people import People
from gateway.main import build, database_of
from gateway.settings import Settings
from shared.runtime.parts import Away
from shared.runtime.service import run

DONE_ALREADY, AWAY, WRONG_USE = 3, 4, 2


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


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    if not arguments:
        run(build(Settings()))
        return 0
    if arguments == ["setup-link"]:
        return asyncio.run(_setup_link(Settings()))
    print("Use: python -m gateway [setup-link]", file=sys.stderr)  # noqa: T201
    return WRONG_USE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
