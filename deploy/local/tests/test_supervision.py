"""The written configuration is read back by supervisord's own parser, so that no quoting rule is believed but checked."""

import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from flowtower_local.places import Places
from flowtower_local.programs import Program
from flowtower_local.supervision import Supervisor
from flowtower_local.trouble import Trouble


def read_back(places: Places) -> dict[str, object]:
    options = ServerOptions()
    options.realize(args=["-c", str(places.supervisor / "supervisord.conf"), "-n"])
    return {config.name: config for group in options.process_group_configs for config in group.process_configs}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(root=tmp_path, state=tmp_path / "s")
    made.make()
    return made


def program(**changes: object) -> Program:
    return Program(**{"name": "executor", "command": ["/bin/true"], "environment": {}, "priority": 300, **changes})  # type: ignore[arg-type]


def test_commands_and_values_arrive_unchanged(places: Places) -> None:
    environment = {
        "FLOWTOWER_DATABASE_URL": "postgresql://u:p%40ss,w%20d@[::1]:5432/x?host=/a b",
        "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8,10.0.0.0/8",
        "A_JSON": '{"a": ["b", 1]}',
        "AN_APOSTROPHE": "it's",
        "EMPTY": "",
        "HASH": "a#b;c",
    }
    command = ["/opt/a folder/java", "-Dx=%d{UTC} [%p]", "-cp", "/jars/*", 'say "hi"']
    Supervisor(places).write_configuration([program(command=command, environment=environment, stop_signal="INT", stop_seconds=30)])
    read: object = read_back(places)["executor"]
    assert read.environment == environment  # type: ignore[attr-defined]
    assert shlex.split(read.command) == command  # type: ignore[attr-defined]
    assert (read.stopwaitsecs, read.priority, read.autorestart is not False) == (30, 300, True)  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", ["both \" and '", '"quoted"', "ends with '", "two\nlines", "a #comment", "a ;comment"])
def test_what_the_format_cannot_carry_is_refused(places: Places, value: str) -> None:
    with pytest.raises(Trouble):
        Supervisor(places).write_configuration([program(environment={"FLOWTOWER_X": value})])


def test_the_configuration_holds_a_password_so_only_we_may_read_it(places: Places) -> None:
    Supervisor(places).write_configuration([program()])
    assert (places.supervisor / "supervisord.conf").stat().st_mode & 0o777 == 0o600


def test_a_path_that_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    long = Places(root=tmp_path, state=tmp_path / ("d" * 120))
    long.make()
    with pytest.raises(Trouble, match="too long for a unix socket"):
        Supervisor(long).write_configuration([program()])


def test_no_supervisor_is_not_alive(places: Places) -> None:
    assert Supervisor(places).is_alive() is False
    (places.supervisor / "supervisor.sock").touch()
    assert Supervisor(places).is_alive() is False
