"""The list of mutations fits the code: a guard that was rewritten or renamed is noticed here, at once, and not by a long run."""

import importlib.util
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


MUTATIONS = load().ALL


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_applies_and_its_test_is_there(mutation: object) -> None:
    file, old, new, test = (getattr(mutation, name) for name in ("file", "old", "new", "test"))
    assert (ROOT / file).read_text().count(old) == 1, f"the text stands once in {file}"
    assert old != new
    place, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / place).read_text()
