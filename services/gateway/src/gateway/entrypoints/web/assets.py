"""The built front end: hashed file names and inlined icons, read once at start."""

import json
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

_STATIC = "/static/"


class FrontEndNotBuiltError(RuntimeError):
    """The folder with the built files is missing or half-written."""


@dataclass(frozen=True)
class Assets:
    """Where the entry script and its styles are, and the pictures of the icons by our own names."""

    script: str
    styles: tuple[str, ...]
    icons: dict[str, str]

    @classmethod
    def load(cls, dist: Path) -> "Assets":
        """Read ``dist/.vite/manifest.json`` and ``dist/icons.json``; says how to build them when they are not there."""
        manifest_file = dist / ".vite" / "manifest.json"
        try:
            manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
            icons = json.loads((dist / "icons.json").read_text(encoding="utf-8"))
            entry = manifest["islands/main.js"]
        except (OSError, ValueError, KeyError) as error:
            raise FrontEndNotBuiltError(
                f"The front end in {dist} is not built ({error}). "
                "Build it with `npm ci --ignore-scripts && npm run build` in services/ui, or with `make up`."
            ) from error
        return cls(
            script=_STATIC + entry["file"],
            styles=tuple(_STATIC + name for name in entry.get("css", ())),
            icons=icons,
        )

    def icon(self, name: str, css: str = "") -> Markup:
        """An icon as inline SVG, hidden from screen readers: a word always stands beside it."""
        picture = self.icons.get(name)
        if picture is None:
            raise LookupError(f"There is no icon named {name!r}; icons.json lists them all.")
        classes = f"icon {css}".strip()
        return Markup('<svg class="{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>').format(
            classes,
            Markup(picture),  # noqa: S704 - Lucide's picture from our own build, not from outside
        )
