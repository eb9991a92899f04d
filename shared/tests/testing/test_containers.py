import pytest

from shared.testing.containers import VARIABLE, containers_wanted
from shared.testing.process import PartFailed


def test_parts_are_local_unless_containers_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not containers_wanted()
    monkeypatch.setenv(VARIABLE, "containers")
    assert containers_wanted()
    monkeypatch.setenv(VARIABLE, "cloud")
    with pytest.raises(PartFailed, match="say local or containers"):
        containers_wanted()
