"""Only what one of our services signed counts as ours; nothing about it can be changed."""

from pathlib import Path

import pytest

from shared.runtime import keys
from shared.runtime.origin import HEADER, Origin

MESSAGE = ("runs.commands.v1", b"run-1", "event-1", b'{"command":"cancel","run_id":"run-1"}')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys.make(tmp_path)
    return tmp_path


def test_what_we_signed_is_ours_also_after_the_key_was_rotated(folder: Path) -> None:
    headers = dict([Origin(folder).sign(*MESSAGE)])
    assert Origin(folder).ours(headers, *MESSAGE)
    keys.make(folder, rotate="internal")
    assert Origin(folder).ours(headers, *MESSAGE)


@pytest.mark.parametrize("place", range(4))
def test_a_signature_fits_one_message_only(folder: Path, place: int) -> None:
    origin = Origin(folder)
    headers = dict([origin.sign(*MESSAGE)])
    changed = list(MESSAGE)
    changed[place] = changed[place] + ("x" if isinstance(changed[place], str) else b"x")
    assert not origin.ours(headers, *changed)
    shifted = ("runs.commands.v1r", b"un-1", *MESSAGE[2:])
    assert not origin.ours(headers, *shifted)


@pytest.mark.parametrize("header", [b"", b"nonsense", b"\xff\xfe", b"A" * 43])
def test_without_a_signature_of_ours_a_message_is_a_strangers(folder: Path, tmp_path: Path, header: bytes) -> None:
    assert not Origin(folder).ours({HEADER: header}, *MESSAGE)
    assert not Origin(folder).ours({"ce_source": b"/flowtower/gateway"}, *MESSAGE)
    keys.make(tmp_path / "other")
    assert not Origin(folder).ours(dict([Origin(tmp_path / "other").sign(*MESSAGE)]), *MESSAGE)
