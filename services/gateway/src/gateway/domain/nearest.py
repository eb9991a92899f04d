"""Which known word somebody probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like ``word``, or None when none is like it."""
    by_folded = {name.casefold(): name for name in known}
    found = get_close_matches(str(word).casefold()[:200], by_folded, n=1, cutoff=0.55)
    return by_folded[found[0]] if found else None


def meant(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return a hint: the nearest known word, else all of them, else ``otherwise``."""
    names = sorted(known)
    close = nearest(word, names)
    if close is not None:
        return f"Did you mean '{close}'?"
    if names:
        return f"Known: {', '.join(names[:20])}{', …' if len(names) > 20 else ''}."
    return otherwise
