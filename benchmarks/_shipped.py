"""What a service finds where it is installed: the packages of the locks, and none of the tools of development.

Some libraries load what they need not have when it is there: httpx takes rich and pygments, which only the tools of development
bring along, and with them 9 MB of each service's memory. Where Flowtower is installed they don't stand.
"""

import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from shared.testing.checkout import checkout
from shared.testing.process import scratch_folder

_LOCKS = ("runtime.txt", "local.txt")
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def hides_development() -> Path:
    """Return a folder for the front of PYTHONPATH: Python reads its ``sitecustomize`` at start, and importing a hidden package fails."""
    folder = scratch_folder("shipped")
    folder.joinpath("sitecustomize.py").write_text(f"import sys\n\nsys.modules.update(dict.fromkeys({sorted(_unshipped())!r}))\n")
    return folder


def _unshipped() -> Iterator[str]:
    texts = [(checkout() / "requirements" / lock).read_text() for lock in _LOCKS]
    shipped = {_plain(name) for text in texts for name in _LOCKED.findall(text)}
    for package, distributions in packages_distributions().items():
        names = {_plain(name) for name in distributions}
        if not names & shipped and not any(name.startswith("flowtower-") for name in names):
            yield package


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
