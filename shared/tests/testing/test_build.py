import inspect
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.base import Contract
from shared.contracts.topics import RUNS_OUTCOMES, TOPICS
from shared.testing import build

BUILDERS = [
    function
    for name, function in inspect.getmembers(build, inspect.isfunction)
    if function.__module__ == build.__name__ and not name.startswith("_")
]


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.__name__)
def test_each_builder_makes_a_valid_message_without_help(builder: Callable[[], Contract]) -> None:
    made = builder()
    assert type(made).model_validate_json(made.model_dump_json()) == made


def test_each_topic_has_a_message_that_can_be_built() -> None:
    missing = []
    for topic in TOPICS:
        accepted = 0
        for builder in BUILDERS:
            try:
                accepted += topic.decode(builder().model_dump_json().encode()) == builder()
            except ValidationError:
                continue
        if not accepted:
            missing.append(topic.name)
    # A command to the alerter is one line in the test that needs it.
    assert missing == ["alerts.commands.v1"]


def test_a_change_is_validated_and_an_unknown_field_is_a_mistake() -> None:
    assert build.cluster(name="us-prod").name == "us-prod"
    with pytest.raises(ValidationError):
        build.cluster(name="Not A Name")
    with pytest.raises(TypeError, match="has no field nmae"):
        build.cluster(nmae="us-prod")
    assert RUNS_OUTCOMES.decode(RUNS_OUTCOMES.encode(build.run_finished(status="failed"))).status == "failed"


def test_builders_take_changes_only() -> None:
    kinds: set[Any] = {parameter.kind for builder in BUILDERS for parameter in inspect.signature(builder).parameters.values()}
    assert kinds == {inspect.Parameter.VAR_KEYWORD}
