"""The rules of who may import what: they hold, and they notice when they don't."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tree import files, name_of

SERVICES = {"gateway": "gateway", "cluster-poller": "cluster_poller", "executor": "executor", "alerter": "alerter"}

PURE = {
    "shared/src/shared/contracts/": {"pydantic", "shared.contracts"},
    "services/gateway/src/gateway/domain/": {"jsonschema_rs", "pydantic", "ruamel"},
    "services/executor/src/executor/domain/": {"pydantic_core"},
    "services/cluster-poller/src/cluster_poller/domain/": set(),
    "services/alerter/src/alerter/domain/": set(),
}
"""All that contracts and domains may import beside the standard library, and beside what `PURE_FOR_ALL_DOMAINS` adds."""
PURE_FOR_ALL_DOMAINS = {"shared.contracts", "shared.runtime.cron", "shared.runtime.expressions", "shared.runtime.plain"}
IMPURE = {"asyncio", "concurrent", "http", "multiprocessing", "os", "pathlib", "shutil", "socket", "ssl", "subprocess", "threading", "time"}
"""Of the standard library: what reaches outside, waits, or reads a clock."""


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    sources = [root / "shared" / "src", *(root / "services" / folder / "src" for folder in SERVICES)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))}
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([program, "--no-cache"], cwd=root, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in files(".py", "pyproject.toml"):
        name = name_of(path)
        if name == "pyproject.toml" or name.startswith("shared/src/") or (name.startswith("services/") and "/src/" in name):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("services/gateway/src/gateway/convenience.py", ""),
        ("services/executor/src/executor/domain/planted.py", "import httpx\n"),
        ("services/alerter/src/alerter/domain/planted.py", "import gateway\n"),
        ("services/executor/src/executor/application/planted.py", "import shared.testing\n"),
        ("shared/src/shared/contracts/planted.py", "import shared.runtime\n"),
        ("shared/src/shared/convenience.py", ""),
    ],
)
def test_what_is_forbidden_is_noticed(copy: Path, place: str, line: str) -> None:
    planted = copy / place
    planted.parent.mkdir(parents=True, exist_ok=True)
    (planted.parent / "__init__.py").touch()
    planted.write_text(line)
    done = lint(copy)
    assert done.returncode != 0
    assert planted.stem in done.stdout or "BROKEN" in done.stdout, done.stdout + done.stderr


def test_they_hold_in_the_same_copy_without_it(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr


def imported(source: str) -> set[str]:
    """Return the full names that a file imports, of modules and of what it takes from them."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{'.' * node.level}{node.module}.{name.name}" for name in node.names}
    return found


def strangers(place: str, source: str) -> list[str]:
    allowed = PURE[place] | (set() if place.startswith("shared/") else {place.split("/")[3] + ".domain", *PURE_FOR_ALL_DOMAINS})
    library = sys.stdlib_module_names - IMPURE
    return sorted(
        name
        for name in imported(source)
        if name.split(".")[0] not in library and not any(f"{name}.".startswith(f"{one}.") for one in allowed)
    )


@pytest.mark.parametrize("place", PURE)
def test_contracts_and_domains_import_nothing_but_what_is_named(place: str) -> None:
    """A list of what is forbidden would let every library through that nobody has thought of yet."""
    looked_at = [path for path in files(".py") if name_of(path).startswith(place)]
    assert looked_at
    assert {name_of(path): odd for path in looked_at if (odd := strangers(place, path.read_text()))} == {}


@pytest.mark.parametrize(
    "line", ["import requests", "from os import path", "import shared.runtime.database", "from gateway.application import x"]
)
def test_a_stranger_in_a_domain_is_noticed(line: str) -> None:
    assert all(strangers(place, line) for place in PURE)
    assert strangers("services/gateway/src/gateway/domain/", "from gateway.domain.runs import x\nimport pydantic, re") == []


def test_every_folder_of_code_is_a_package() -> None:
    """The linter of imports does not look into a folder without `__init__.py`."""
    folders = {path.parent for path in files(".py") if "/src/" in name_of(path) and "/migrations/" not in name_of(path)}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_consumers_are_made_in_one_place_only() -> None:
    """FastStream's defaults lose messages, so no service uses it by itself."""
    users = [
        name_of(path)
        for path in files(".py")
        if name_of(path).startswith("services/") and "/src/" in name_of(path) and "faststream" in path.read_text()
    ]
    assert users == []


@pytest.mark.parametrize("service", SERVICES.values())
def test_a_service_loads_no_library_of_megabytes_that_it_does_not_use(service: str) -> None:
    """The vault's cipher alone takes 7 MB; it stands apart so that only whoever keeps secrets of its own pays for it."""
    users = {name_of(path).split("/")[1] for path in files(".py") if "shared.runtime.vault import" in path.read_text()}
    look = f"import sys, {service}.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert f"{service}.main" in loaded
    assert ("cryptography" in loaded) == (service.replace("_", "-") in users)
