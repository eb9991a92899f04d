"""Runs the tools of an install (pip, npm), keeps everything they say in a log, and explains their failures."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from flowtower_local.progress import Step
from flowtower_local.trouble import Trouble

_SHOWN_LINES = 12
# What pip and npm say when nobody answers, as opposed to an answer that they do not like.
_UNREACHABLE = (
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Connection refused",
    "Network is unreachable",
    "ConnectTimeoutError",
    "Read timed out",
    "Max retries exceeded",
    "ProxyError",
    "SSLError",
    "EAI_AGAIN",
    "ENOTFOUND",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "CERT_",
    "(from versions: none)",  # pip says it, after its warnings, of a package that no index could be asked for
)


def run(
    command: Sequence[str | Path],
    *,
    running: Step,
    log: Path,
    folder: Path,
    registry: str,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run to the end; `registry` says in the error who should have been reachable and how another one is named."""
    lines: list[str] = []
    words = [str(word) for word in command]
    with log.open("a", encoding="utf-8") as kept:
        kept.write(f"$ {' '.join(words)}\n")
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=folder,
            env={**os.environ, **(environment or {})},
        )
        try:
            for line in process.stdout or ():
                kept.write(line)
                lines.append(line.rstrip())
                if note := _note(line):
                    running.say(note)
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if code == 0:
        return
    said = "\n".join(f"    {line}" for line in lines[-_SHOWN_LINES:])
    if any(sign in line for line in lines for sign in _UNREACHABLE):
        raise Trouble(f"No package registry answered {Path(words[0]).name}:\n{said}", f"{registry}\n  The whole log: {log}")
    raise Trouble(f"'{' '.join(words[:6])} …' failed with code {code}:\n{said}", f"The whole log: {log}")


def _note(line: str) -> str:
    """The few lines of pip that tell how far it is."""
    for start, note in (("Collecting ", "fetching "), ("Installing collected packages", "unpacking"), ("Building editable", "linking ")):
        if line.strip().startswith(start):
            return note + (line.strip().removeprefix(start).split("==")[0].split(" ")[0] if note.endswith(" ") else "")
    return ""
