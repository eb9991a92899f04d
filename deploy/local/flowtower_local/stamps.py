"""Remembers what was done for which input, so that a second `make up` does only what changed."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_NEVER = frozenset({"node_modules", "dist", "__pycache__", ".vite"})


def files_below(*folders: Path) -> Iterator[Path]:
    """Every source file below the folders, sorted; built things and caches left out."""
    for folder in folders:
        if folder.is_file():
            yield folder
            continue
        for path in sorted(folder.rglob("*")):
            if path.is_file() and _NEVER.isdisjoint(path.relative_to(folder).parts):
                yield path


def digest(files: Iterable[Path], *words: str) -> str:
    """One value for the names and bytes of the files, and for the words."""
    total = hashlib.sha256()
    for word in words:
        total.update(f"word {word}\n".encode())
    for file in files:
        total.update(f"file {file} ".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


class Stamp:
    """One step's memory: what it was last done for, and whether it was broken off in the middle."""

    def __init__(self, folder: Path, name: str) -> None:
        self._done = folder / name
        self._begun = folder / f"{name}.begun"

    def is_current(self, value: str, *outputs: Path) -> bool:
        """Say whether it was finished for this very input, and its results are still there."""
        if self._begun.exists() or not all(output.exists() for output in outputs):
            return False
        try:
            return self._done.read_text(encoding="ascii") == value
        except OSError:
            return False

    @property
    def was_broken_off(self) -> bool:
        return self._begun.exists()

    def begin(self) -> None:
        self._done.unlink(missing_ok=True)
        self._begun.touch()

    def finish(self, value: str) -> None:
        self._done.write_text(value, encoding="ascii")
        self._begun.unlink(missing_ok=True)

    def forget(self) -> None:
        self._done.unlink(missing_ok=True)
        self._begun.unlink(missing_ok=True)
