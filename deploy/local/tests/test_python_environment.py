"""The Python environment holds what every finished step put there, also after one that was broken off."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtower_local import commands, python_environment
from flowtower_local.places import PACKAGES, Places
from flowtower_local.progress import Step
from flowtower_local.python_environment import DEV_SETS, LOCAL_SETS

EVERYTHING = {"runtime.txt", "local.txt", "dev.txt", *(Path(package).name for package in PACKAGES)}


class Pip:
    """Stands for venv and pip: an installed lock or package is a file in the environment, until the environment is deleted."""

    def __init__(self, places: Places) -> None:
        self.places, self.breaks_at = places, ""

    @property
    def installed(self) -> set[str]:
        return {file.name for file in (self.places.venv / "has").glob("*")}

    def create(self, places: Places) -> None:
        shutil.rmtree(places.venv, ignore_errors=True)
        places.python.parent.mkdir(parents=True)
        places.python.touch()
        (places.venv / "has").mkdir()

    def run(self, words: list[object], **_given: object) -> None:
        for name in [Path(str(words[at + 1])).name for at, word in enumerate(words) if word in {"-r", "-e"}]:
            if name == self.breaks_at:
                raise KeyboardInterrupt
            (self.places.venv / "has" / name).touch()


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    places = Places(root=tmp_path, state=tmp_path / ".flowtower")
    places.make()
    for name in (*(f"requirements/{one}.txt" for one in (*LOCAL_SETS, *DEV_SETS)), *(f"{one}/pyproject.toml" for one in PACKAGES)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    pip = Pip(places)
    monkeypatch.setattr(commands, "run", pip.run)
    monkeypatch.setattr(python_environment, "_create", pip.create)
    monkeypatch.setattr(python_environment, "_is_ours", lambda python: python.exists())
    monkeypatch.setattr(python_environment, "_works", lambda _python: {"local.txt", "shared"} <= pip.installed)
    return pip


@pytest.fixture
def step() -> Iterator[Step]:
    running = Step("The Python environment", io.StringIO())
    yield running
    running.done()


def make_install(pip: Pip, step: Step) -> list[bool]:
    return [python_environment.install(pip.places, step, sets) for sets in (LOCAL_SETS, DEV_SETS)]


def test_a_second_install_has_nothing_to_do(pip: Pip, step: Step) -> None:
    assert make_install(pip, step) == [True, True]
    assert pip.installed == EVERYTHING
    assert make_install(pip, step) == [False, False]


@pytest.mark.parametrize("breaks_at", ["local.txt", "executor", "dev.txt"])
def test_an_install_that_broke_off_anywhere_is_whole_after_the_next_one(pip: Pip, step: Step, breaks_at: str) -> None:
    pip.breaks_at = breaks_at
    with pytest.raises(KeyboardInterrupt):
        make_install(pip, step)
    pip.breaks_at = ""
    assert make_install(pip, step) == [True, True]
    assert pip.installed == EVERYTHING


@pytest.mark.parametrize("breaks_at", ["local.txt", "dev.txt"])
def test_a_later_install_that_broke_off_leaves_no_stamp_of_what_is_gone(pip: Pip, step: Step, breaks_at: str) -> None:
    make_install(pip, step)
    for name in (*LOCAL_SETS, *DEV_SETS):
        (pip.places.root / "requirements" / f"{name}.txt").write_text("2")
    pip.breaks_at = breaks_at
    with pytest.raises(KeyboardInterrupt):
        make_install(pip, step)
    pip.breaks_at = ""
    # What make up does: it wants only its own set, and the tools come back with the next make install.
    assert python_environment.install(pip.places, step) is True
    assert pip.installed == EVERYTHING - {"dev.txt"}
    assert make_install(pip, step) == [False, True]
    assert pip.installed == EVERYTHING
