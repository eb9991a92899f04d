import hashlib
import re
from pathlib import Path

import pytest

from flowtower_local import jars
from flowtower_local.trouble import Trouble


def lock_of(tmp_path: Path, **contents: bytes) -> Path:
    lock = tmp_path / "jars.lock"
    lines = [f"org.example:{name}:1.0 {hashlib.sha256(content).hexdigest()}" for name, content in contents.items()]
    lock.write_text("# two archives\n\n" + "\n".join(lines) + "\n")
    return lock


def serve(monkeypatch: pytest.MonkeyPatch, contents: dict[str, list[bytes]]) -> list[str]:
    """Instead of a repository: each download takes the next of the archive's contents, the last one stays."""
    asked: list[str] = []

    def download(jar: jars.Jar, cache: Path) -> Path:
        asked.append(jar.artifact)
        left = contents[jar.artifact]
        cache.mkdir(parents=True)
        file = cache / jar.file_name
        file.write_bytes(left.pop(0) if len(left) > 1 else left[0])
        return file

    monkeypatch.setattr(jars, "_download", download)
    return asked


def test_the_committed_lock_holds_kafka_and_names_no_place() -> None:
    locked = {jar.coordinate for jar in jars.read_lock()}
    assert len(locked) == 46
    assert {"org.apache.kafka:kafka_2.13:4.2.0", "org.apache.kafka:kafka-clients:4.2.0"} <= locked
    assert not re.search(r"https?:|\.com/|\.org/|www\.", jars.LOCK.read_text())


def test_fetch_puts_exactly_the_locked_archives_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = lock_of(tmp_path, one=b"first", two=b"second")
    asked = serve(monkeypatch, {"one": [b"first"], "two": [b"second"]})
    folder = tmp_path / "jars"
    folder.mkdir()
    (folder / "stray-9.jar").write_bytes(b"not in the lock, but would be on the class path")
    assert jars.fetch(folder, lock) == 2
    assert sorted(file.name for file in folder.iterdir()) == ["one-1.0.jar", "two-1.0.jar"]
    assert jars.fetch(folder, lock) == 0
    assert sorted(asked) == ["one", "two"]


def test_a_damaged_archive_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = lock_of(tmp_path, one=b"first", two=b"second")
    asked = serve(monkeypatch, {"one": [b"first"], "two": [b"second"]})
    jars.fetch(tmp_path / "jars", lock)
    (tmp_path / "jars" / "two-1.0.jar").write_bytes(b"cut")
    assert jars.fetch(tmp_path / "jars", lock) == 1
    assert (tmp_path / "jars" / "two-1.0.jar").read_bytes() == b"second"
    assert asked.count("two") == 2


def test_a_download_that_was_cut_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = lock_of(tmp_path, one=b"first")
    asked = serve(monkeypatch, {"one": [b"fir", b"first"]})
    assert jars.fetch(tmp_path / "jars", lock) == 1
    assert asked == ["one", "one"]


def test_other_bytes_than_locked_never_reach_the_class_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = lock_of(tmp_path, one=b"first")
    serve(monkeypatch, {"one": [b"somebody else's"]})
    with pytest.raises(Trouble, match=r"org\.example:one:1\.0 could not be fetched: its sha256 is .*, the lock says"):
        jars.fetch(tmp_path / "jars", lock)
    assert list((tmp_path / "jars").iterdir()) == []


@pytest.mark.parametrize("line", ["org.example:one 123", "org.example:one:1.0", f"one {'a' * 64}", "org.example:one:1.0 abc"])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# head\n{line}\n")
    with pytest.raises(Trouble, match=r"jars\.lock:2: "):
        jars.read_lock(lock)
