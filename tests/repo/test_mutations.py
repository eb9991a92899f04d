"""The list of mutations fits the code: a guard that was rewritten or renamed is noticed here, at once, and not by a long run."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutations", ROOT / "deploy" / "test" / "mutations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TOOL = load()
MUTATIONS = TOOL.ALL


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_applies_and_its_test_is_there(mutation: object) -> None:
    file, old, new, test = (getattr(mutation, name) for name in ("file", "old", "new", "test"))
    assert (ROOT / file).read_text().count(old) == 1, f"the text stands once in {file}"
    assert old != new
    place, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / place).read_text()


@pytest.mark.parametrize(
    ("ends", "problem"),
    [
        (subprocess.CompletedProcess([], 1, "FAILED test_it.py::test_it - AssertionError\n1 failed", ""), ""),
        (subprocess.CompletedProcess([], 0, "1 passed", ""), "stays green"),
        (subprocess.CompletedProcess([], 1, "ERROR test_it.py::test_it - PartFailed: Kafka did not start\n1 error", ""), "unclear"),
        (
            subprocess.CompletedProcess([], 1, "E   Failed: Timeout (>300.0s) from pytest-timeout.\nFAILED test_it.py::test_it", ""),
            "unclear",
        ),
        (subprocess.TimeoutExpired([], 240), "unclear"),
    ],
)
def test_only_a_test_that_fails_by_itself_has_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: subprocess.CompletedProcess[str] | subprocess.TimeoutExpired, problem: str
) -> None:
    def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        assert (tmp_path / "it.py").read_text() == "guard = False", "it is run on what was changed"
        if isinstance(ends, subprocess.TimeoutExpired):
            raise ends
        return ends

    (tmp_path / "it.py").write_text("guard = True")
    monkeypatch.setattr(TOOL.subprocess, "run", run)
    found = TOOL.noticed(tmp_path, TOOL.Mutation("it", "it.py", "True", "False", "test_it.py::test_it"))
    assert problem in found
    assert bool(found) == bool(problem)
    assert (tmp_path / "it.py").read_text() == "guard = True"
