from pathlib import Path

import pytest

from flowtower_local import settings
from flowtower_local.trouble import Trouble


def test_defaults_are_the_documented_ports(tmp_path: Path) -> None:
    chosen = settings.read(tmp_path, {})
    assert {port.part: port.number for port in chosen.ports_needed()} == {
        "gateway": 8080,
        "cluster-poller": 8081,
        "executor": 8082,
        "alerter": 8083,
        "kafka": 19092,
        "kafka-controller": 19093,
        "postgres": 15432,
    }
    assert chosen.url("gateway") == "http://127.0.0.1:8080"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\nFLOWTOWER_PORT=9000 # behind a value\nexport FLOWTOWER_HOST='0.0.0.0'\nOTHER=x\nFLOWTOWER_LOG_LEVEL=\"DEBUG\"\n"
    )
    chosen = settings.read(tmp_path, {"FLOWTOWER_PORT": "9001", "HOME": "/nowhere"})
    assert chosen.port("gateway") == 9001
    assert chosen.host == "0.0.0.0"
    assert chosen.url("gateway") == "http://127.0.0.1:9001"
    assert settings.read(tmp_path, {"FLOWTOWER_LOCAL_BEGUN": "1"}).handed_on.keys() == chosen.handed_on.keys()
    assert chosen.handed_on == {"FLOWTOWER_HOST": "0.0.0.0", "FLOWTOWER_LOG_LEVEL": "DEBUG"}


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80.5"])
def test_a_wrong_port_names_its_variable(tmp_path: Path, text: str) -> None:
    with pytest.raises(Trouble, match=f"FLOWTOWER_KAFKA_PORT={text} is not a port"):
        settings.read(tmp_path, {"FLOWTOWER_KAFKA_PORT": text})


def test_one_port_for_two_parts_is_refused_with_both_names(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"8081 is wanted twice: by gateway [^$]*FLOWTOWER_POLLER_PORT=9081") as refused:
        settings.read(tmp_path, {"FLOWTOWER_PORT": "8081"})
    assert "FLOWTOWER_PORT" in refused.value.what


def test_a_line_without_equals_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\nFLOWTOWER_PORT 9000\n")
    with pytest.raises(Trouble, match=r"\.env:2: .* has no '='"):
        settings.read(tmp_path, {})


def test_parts_that_run_elsewhere_need_no_port_here(tmp_path: Path) -> None:
    chosen = settings.read(tmp_path, {"FLOWTOWER_KAFKA": "broker:9092", "FLOWTOWER_DATABASE_URL": "postgresql://db/x"})
    assert {port.part for port in chosen.ports_needed()} == {"gateway", "cluster-poller", "executor", "alerter"}


def test_only_the_demo_needs_its_ports(tmp_path: Path) -> None:
    chosen = settings.read(tmp_path, {})
    more = {port.part for port in chosen.ports_needed(demo=True)} - {port.part for port in chosen.ports_needed()}
    assert len(more) == 6
    assert all(part.startswith("demo-") for part in more)
