"""Everything from outside is pinned by version and hash, and no lock says where it is fetched from."""

import json
import re
import tomllib

import pytest
from tree import ROOT, files, name_of

PYTHON_LOCKS = [path for path in files(".txt") if name_of(path).startswith(("requirements/", "deploy/airflow/"))]
ADDRESS = re.compile(r"(https?|ssh|git|file)(\+\w+)?://|--(extra-)?index-url|--find-links|--trusted-host|^-i\s|^-f\s", re.MULTILINE)


@pytest.mark.parametrize("path", PYTHON_LOCKS, ids=name_of)
def test_python_packages_are_pinned_and_hashed(path: object) -> None:
    text = path.read_text()  # type: ignore[attr-defined]
    assert ADDRESS.search(text) is None
    entries = [entry for entry in re.sub(r"\\\n\s*", " ", text).splitlines() if entry.strip() and not entry.startswith("#")]
    assert entries
    loose = [entry[:80] for entry in entries if not re.match(r"[\w.\-\[\],]+==[\w.+!]+( ?;[^#]*?)? +--hash=sha256:[0-9a-f]{64}", entry)]
    assert loose == []


def test_java_archives_are_pinned_and_hashed() -> None:
    lines = (ROOT / "deploy" / "kafka" / "jars.lock").read_text().splitlines()
    jars = [line for line in lines if line and not line.startswith("#")]
    assert len(jars) > 40
    assert [line for line in jars if not re.fullmatch(r"[\w.-]+:[\w.-]+:[\w.-]+ [0-9a-f]{64}", line)] == []


def test_node_packages_are_pinned_and_hashed_without_an_address() -> None:
    text = (ROOT / "services" / "ui" / "package-lock.json").read_text()
    assert ADDRESS.search(text) is None, "npm run lock --prefix services/ui writes it without addresses"
    lock = json.loads(text)
    packages = {name: entry for name, entry in lock["packages"].items() if name and not entry.get("link")}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    # A package that is bundled inside another one is covered by that one's hash.
    assert [name for name, entry in packages.items() if "integrity" not in entry and not entry.get("inBundle")] == []


def same(name: str) -> str:
    """Return the one way to write a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_of_the_project_is_locked() -> None:
    locked = {same(re.split(r"[=\[ ]", line)[0]) for path in PYTHON_LOCKS for line in path.read_text().splitlines() if "==" in line}
    wanted = []
    for path in files("pyproject.toml"):
        project = tomllib.loads(path.read_text())
        wanted += project.get("project", {}).get("dependencies", [])
        for group in project.get("dependency-groups", {}).values():
            wanted += [each for each in group if isinstance(each, str)]
    names = {same(re.split(r"[\[<>=!~; ]", each)[0]) for each in wanted}
    assert {name for name in names - locked if not name.startswith("flowtower-")} == set()
