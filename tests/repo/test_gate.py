"""The gate leaves no test out and has a name for each check."""

import importlib.util
import itertools
import os
import re
import sys
from types import ModuleType

import pytest
from _pytest.mark.expression import Expression
from tree import ROOT, files, name_of


@pytest.fixture(scope="module")
def gate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gate", ROOT / "deploy" / "test" / "gate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gate"] = module
    spec.loader.exec_module(module)
    return module


def test_whatever_marks_a_test_has_it_is_in_one_suite(gate: ModuleType) -> None:
    marks = ["connected", "airflow", "browser", "chaos"]
    for number in range(len(marks) + 1):
        for chosen in itertools.combinations(marks, number):
            suites = [
                name
                for name, rule in gate.SUITES.items()
                if Expression.compile(rule).evaluate(lambda mark, chosen=chosen, **_: mark in chosen)
            ]
            assert len(suites) == 1, (chosen, suites)


def test_every_folder_with_tests_is_run(gate: ModuleType) -> None:
    places = (*gate.PACKAGE_TESTS, *gate.WHOLE_TESTS, "tests/repo")
    outside = [name_of(path) for path in files(".py") if path.name.startswith("test_") and not name_of(path).startswith(places)]
    assert outside == []


def test_every_check_can_be_run_by_make(gate: ModuleType) -> None:
    targets = (ROOT / "make" / "test.mk").read_text()
    called = {word for line in re.findall(r"\$\(GATE\) (.+)", targets) for word in line.split()}
    assert called == set(gate.CHECKS)


def test_the_build_server_calls_the_gate() -> None:
    run = ROOT / ".ci" / "run"
    assert "make test" in run.read_text()
    assert os.access(run, os.X_OK)
