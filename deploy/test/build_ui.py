"""Builds the front end as `make up` does, with the machine's Node or the wheel's."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "local"))

from flowtower_local import ui_build
from flowtower_local.places import Places
from flowtower_local.progress import step
from flowtower_local.trouble import Trouble


def main() -> int:
    places = Places()
    if not (places.ui / "package.json").exists():
        print(f"{places.ui} has no package.json: there is no front end to build", file=sys.stderr)
        return 1
    places.make()
    try:
        with step("The front end") as running:
            ui_build.install(places, running)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
