"""The small parts under `make up`: stamps, ports, strays, progress, and who may run PostgreSQL."""

import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowtower_local import ports, preflight, progress, readiness, settings, strays, tower, unprivileged
from flowtower_local.lock import one_at_a_time
from flowtower_local.places import ROOT, Places
from flowtower_local.programs import service_programs
from flowtower_local.settings import Port
from flowtower_local.stamps import Stamp, digest, files_below
from flowtower_local.trouble import Trouble


def test_a_stamp_knows_input_output_and_a_broken_run(tmp_path: Path) -> None:
    output = tmp_path / "out"
    stamp = Stamp(tmp_path, "ui")
    assert not stamp.is_current("a")
    stamp.begin()
    assert stamp.was_broken_off
    stamp.finish("a")
    assert stamp.is_current("a")
    assert not stamp.is_current("b")
    assert not stamp.is_current("a", output)
    stamp.begin()
    assert not stamp.is_current("a")


def test_a_digest_changes_with_names_and_bytes_but_not_with_built_things(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "a.js").write_text("1")
    first = digest(files_below(tmp_path))
    (tmp_path / "node_modules" / "x.js").write_text("1")
    assert digest(files_below(tmp_path)) == first
    (tmp_path / "a.js").write_text("2")
    changed = digest(files_below(tmp_path))
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    assert len({first, changed, digest(files_below(tmp_path))}) == 3


def test_a_taken_port_is_named_with_its_holder_and_its_variable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        wanted = Port("gateway", number, "FLOWTOWER_PORT")
        with pytest.raises(Trouble) as refused:
            ports.refuse_taken("127.0.0.1", [wanted])
    assert f"Port {number}, which gateway needs, is taken by" in refused.value.what
    assert f"(pid {os.getpid()})" in refused.value.what
    assert f"FLOWTOWER_PORT={number + 1000}" in refused.value.what
    ports.refuse_taken("127.0.0.1", [wanted])


def test_strays_are_found_by_their_mark_and_ended(tmp_path: Path) -> None:
    # The shell ignores the polite signal, so the second, hard one is needed; the other one carries no mark of ours.
    stubborn = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    ours = subprocess.Popen([sys.executable, "-c", stubborn], env={**os.environ, strays.MARK: str(tmp_path)}, stdout=subprocess.PIPE)
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, strays.MARK: f"{tmp_path}-other"})
    try:
        assert ours.stdout is not None
        ours.stdout.readline()
        assert [one.pid for one in strays.find(tmp_path)] == [ours.pid]
        begun = time.monotonic()
        ended = strays.end(tmp_path, patience_seconds=0.5)
        assert [one.pid for one in ended] == [ours.pid]
        assert time.monotonic() - begun < 5
        assert ours.wait(5) == -9
        assert other.poll() is None
        assert strays.end(tmp_path) == []
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()
        assert ours.stdout is not None
        ours.stdout.close()


def test_the_folder_that_lets_nobody_pass_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "below").mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and folder.stat().st_uid == os.geteuid() and folder.name.startswith(("pytest", "test")):
            folder.chmod(0o755)
    closed.chmod(0o700)
    assert unprivileged.first_closed(closed / "below" / "data") == closed
    closed.chmod(0o711)
    assert unprivileged.first_closed(closed / "below" / "data") is None


def test_who_cannot_run_postgres_as_root_is_told_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(unprivileged, "first_closed", lambda *_paths: tmp_path)
    monkeypatch.setattr(unprivileged, "_can_unshare", lambda: False)
    with pytest.raises(Trouble, match=rf"chmod o\+x {tmp_path}.*\n?.*FLOWTOWER_DATABASE_URL"):
        unprivileged.runner_for(tmp_path / "data")


def test_an_old_python_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(Trouble, match=r"Python 3\.9\.2; Flowtower needs 3\.11[^$]*PYTHON="):
        preflight.check_python()


def test_a_full_disk_is_refused_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "FIRST_TIME_BYTES", 10**18)
    with pytest.raises(Trouble, match=r"Only .* GB are free"):
        preflight.check_disk(Places(root=tmp_path, state=tmp_path / "not yet" / "there"))


def test_two_commands_do_not_work_on_one_state_folder(tmp_path: Path) -> None:
    places = Places(root=tmp_path, state=tmp_path)
    with one_at_a_time(places), pytest.raises(Trouble, match=rf"Another make up .* \(pid {os.getpid()}\)"):
        one_at_a_time(places)
    with one_at_a_time(places):
        pass


def test_a_step_says_what_it_waits_for_and_how_it_ended() -> None:
    out = io.StringIO()
    with progress.step("Kafka is ready", out) as running:
        running.say("its coordinator does not answer")
        running.say("")
    with pytest.raises(Trouble), progress.step("alerter is ready: kafka", out):
        raise Trouble("it does not start")
    lines = out.getvalue().splitlines()
    assert "✓ Kafka is ready (0 s)" in lines
    assert "✗ alerter is ready: kafka (0 s)" in lines


def test_the_reasons_of_readyz_become_one_line() -> None:
    body = b'{"ready": false, "checks": {"kafka": {"ok": false, "reason": "no broker answers"}, "database": {"ok": true, "reason": ""}}}'
    assert readiness.reasons(body) == "kafka: no broker answers"
    assert readiness.reasons(b"<html>bad gateway") == "<html>bad gateway"
    assert readiness.reasons(b"[]") == "[]"


def test_a_log_line_is_told_in_words_with_the_last_cause() -> None:
    entry = {
        "event": "a part can't start",
        "level": "critical",
        "timestamp": "2026-11-22T20:11:03Z",
        "exception": 'Traceback (most recent call last):\n  File "x.py"\nValueError: relation "users" already exists\n[SQL: …]\n(more)',
    }
    assert readiness.readable(json.dumps(entry)) == (
        '2026-11-22T20:11:03Z critical: a part can\'t start (ValueError: relation "users" already exists)'
    )
    assert readiness.readable("no module named gateway") == "no module named gateway"
    assert len(readiness.readable("x" * 5000)) == 300


def test_addresses_that_are_given_switch_the_embedded_parts_off(tmp_path: Path) -> None:
    given = {"FLOWTOWER_KAFKA": "broker:9092", "FLOWTOWER_DATABASE_URL": "postgresql://u:p@db/x"}
    places, chosen = Places(root=ROOT, state=tmp_path / "state"), settings.read(tmp_path, given)
    line = tower.prepare_parts(places, chosen)
    assert (line.programs, line.kafka, line.database_url) == ([], "broker:9092", "postgresql://u:p@db/x")
    assert not places.state.exists()
    services = service_programs(chosen, places, line.database_url, line.kafka)
    assert {one.environment["FLOWTOWER_KAFKA"] for one in services} == {"broker:9092"}
    assert {one.environment["FLOWTOWER_DATABASE_URL"] for one in services} == {"postgresql://u:p@db/x"}
    assert [one.environment["FLOWTOWER_PORT"] for one in services] == ["8080", "8081", "8082", "8083"]
