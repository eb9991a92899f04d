"""What restarts a service: a change of something that it reads only at its start."""

from pathlib import Path

import pytest

from flowtower_local import settings
from flowtower_local.places import Places
from flowtower_local.programs import service_programs

GATEWAY = frozenset({"gateway"})
ALL = frozenset({"gateway", "cluster-poller", "executor", "alerter"})


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in (
        "shared/src/shared/one.py",
        *(f"services/{service}/src/one.py" for service in ALL),
        "services/ui/templates/page.html",
        "services/ui/dist/.vite/manifest.json",
        "services/ui/dist/main-1a2b.js",
        "services/ui/node_modules/x.js",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    return Places(root=tmp_path, state=tmp_path / ".flowtower")


def environments(places: Places) -> dict[str, dict[str, str]]:
    programs = service_programs(settings.read(places.root, {}), places, "postgresql://u@db/x", "broker:9092")
    return {program.name: dict(program.environment) for program in programs}


@pytest.mark.parametrize(
    ("changed", "restarted"),
    [
        ("shared/src/shared/one.py", ALL),
        ("services/executor/src/one.py", {"executor"}),
        ("services/executor/src/migrations/later.sql", {"executor"}),
        ("services/ui/templates/page.html", GATEWAY),
        ("services/ui/templates/parts/new.html", GATEWAY),
        ("services/ui/dist/main-1a2b.js", GATEWAY),
        ("services/ui/dist/icons.json", GATEWAY),
        ("services/ui/node_modules/x.js", frozenset()),
        ("shared/src/shared/__pycache__/one.pyc", frozenset()),
    ],
)
def test_a_change_restarts_whoever_reads_it(places: Places, changed: str, restarted: frozenset[str]) -> None:
    before = environments(places)
    assert before == environments(places)
    (places.root / changed).parent.mkdir(parents=True, exist_ok=True)
    (places.root / changed).write_text("2")
    assert {name for name, environment in environments(places).items() if environment != before[name]} == restarted


def test_a_build_that_gave_a_file_a_new_name_restarts_the_gateway(places: Places) -> None:
    before = environments(places)
    (places.ui / "dist" / "main-1a2b.js").rename(places.ui / "dist" / "main-3c4d.js")
    assert {name for name, environment in environments(places).items() if environment != before[name]} == GATEWAY
