"""Every example message is a promise to programs outside: it decodes, it survives a round trip, and no topic lacks one."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from pydantic import ValidationError

import shared.contracts
from shared.contracts.topics import MAX_MESSAGE_BYTES, TOPICS, Topic
from shared.testing.checkout import checkout

EXAMPLES = Path(shared.contracts.__file__).parent / "examples"
BY_NAME = {topic.name: topic for topic in TOPICS}
FILES = sorted(EXAMPLES.glob("*/*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_example_decodes_and_survives_a_round_trip(path: Path) -> None:
    topic = BY_NAME[path.parent.name]
    message = topic.decode(path.read_bytes())
    assert topic.decode(topic.encode(message)) == message
    written = json.loads(path.read_text())
    assert _within(written, json.loads(topic.adapter.dump_json(message))), "a field of the example is unknown to the contract"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_example_is_valid_by_the_published_schema(path: Path) -> None:
    schema = json.loads((checkout() / "docs" / "schemas" / f"{path.parent.name}.schema.json").read_text())
    published = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    example = json.loads(path.read_text())
    assert [f"{list(error.instance_path)}: {error.message}" for error in published.iter_errors(example)] == []
    taken = [field for field in example if published.is_valid({**example, field: [[1.5]]})]
    assert taken == [], "the schema says nothing of these fields: it takes what they never hold"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_topic_has_an_example_and_a_proper_name(topic: Topic) -> None:
    assert list((EXAMPLES / topic.name).glob("*.json")), f"{topic.name} has no example"
    plural, role, version = topic.name.split(".")
    assert plural.endswith("s")
    assert role.isalpha()
    assert version.startswith("v")
    assert topic.producers
    assert topic.consumers
    assert topic.about.endswith(".")


def test_each_example_folder_belongs_to_a_topic() -> None:
    assert {path.parent.name for path in FILES} == set(BY_NAME)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe", b"[]", b"{}", b"null", b'{"command": "explode"}', b"NaN", b"[" * 100_000])
def test_garbage_is_refused_with_a_reason(topic: Topic, garbage: bytes) -> None:
    with pytest.raises(ValidationError) as caught:
        topic.decode(garbage)
    assert caught.value.errors()


def test_unknown_fields_are_ignored_on_topics() -> None:
    topic = BY_NAME["runs.commands.v1"]
    assert topic.decode(b'{"command":"start","workflow":"orders","colour":"green"}').workflow == "orders"


def test_the_bound_of_a_message_is_kafkas_own() -> None:
    assert MAX_MESSAGE_BYTES == 1024 * 1024


def _within(part: object, whole: object) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and _within(value, whole[key]) for key, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(_within(*pair) for pair in zip(part, whole, strict=True))
    return part == whole or isinstance(part, float | int)
