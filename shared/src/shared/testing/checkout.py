"""Where the parts find the project's own files and keep what is worth keeping between sessions."""

from functools import cache
from pathlib import Path

MARK = Path("requirements") / "lock.sh"


@cache
def checkout() -> Path:
    """Return the root of the checkout that these tests belong to.

    The testing package is only ever used from a checkout (an editable install or a path entry), never from a wheel.
    """
    for folder in Path(__file__).resolve().parents:
        if (folder / MARK).exists():
            return folder
    raise RuntimeError(f"shared.testing must run from a checkout of Flowtower; no {MARK} above {__file__}")


def kept(name: str) -> Path:
    """Return a folder under ``.flowtower/test`` that stays between sessions (downloads, prepared environments)."""
    folder = checkout() / ".flowtower" / "test" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
