"""Two JSON values side by side."""

from gateway.domain.comparing import MOST_ROWS, differences


def test_each_place_stands_once_with_both_values() -> None:
    rows = differences({"day": "22", "order": {"id": 1, "lines": [1, 2]}}, {"day": "22", "order": {"id": 2, "lines": [1, 2], "shop": "eu"}})
    assert [(row.path, row.a, row.b, row.same) for row in rows] == [
        ("day", '"22"', '"22"', True),
        ("order.id", "1", "2", False),
        ("order.lines", "[1, 2]", "[1, 2]", True),
        ("order.shop", "", '"eu"', False),
    ]


def test_only_what_differs_when_that_is_asked() -> None:
    assert [row.path for row in differences({"a": 1, "b": 2}, {"a": 1}, only_different=True)] == ["b"]


def test_deep_and_wide_values_end() -> None:
    deep: dict[str, object] = {}
    here = deep
    for _ in range(5000):
        here["x"] = {}
        here = here["x"]  # type: ignore[assignment]
    assert len(differences(deep, {})) == 1
    assert len(differences({str(number): number for number in range(1000)}, {})) == MOST_ROWS
