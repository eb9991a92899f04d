"""The reads are joined from classes; a name that two of them use would silently call the wrong one."""

from collections import Counter

from gateway.adapters.read_model.reading import SqlReadModel
from gateway.adapters.read_model.rows import Rows


def test_no_two_reads_share_a_name() -> None:
    classes = [each for each in SqlReadModel.__mro__ if issubclass(each, Rows) and each not in (Rows, SqlReadModel)]
    names = Counter(name for each in classes for name in vars(each) if not name.startswith("__"))
    assert len(classes) > 5
    assert [name for name, times in names.items() if times > 1] == []
