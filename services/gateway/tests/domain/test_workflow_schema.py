"""The published schema of a workflow document takes every sample of this repository, and nothing that is misspelt."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator, meta
from ruamel.yaml import YAML

from gateway.domain.workflow_yaml import read, workflow_schema
from gateway.domain.workflow_yaml.components import OWN_KEYS
from gateway.domain.workflow_yaml.connections import KEYS
from gateway.domain.workflow_yaml.reading import TOP
from gateway.domain.workflow_yaml.schema import needs_endpoint
from shared.contracts.kinds import KINDS
from shared.testing.checkout import checkout

SCHEMA = workflow_schema()
VALIDATOR = Draft7Validator(SCHEMA)
FOLDERS = ("deploy/demo", "services/gateway/tests/domain", "services/gateway/tests/web", "docs/architecture")
_FENCED = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def texts(path: Path) -> Iterator[str]:
    """Every text in a file that could be a workflow: what stands in code, and what documents show."""
    if path.suffix == ".md":
        yield from _FENCED.findall(path.read_text())
    elif path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "orders" for part in node.values)


def samples() -> dict[str, str]:
    """Every workflow that stands in the repository as a text and that the gateway takes."""
    paths = [path for folder in FOLDERS for path in sorted((checkout() / folder).rglob("*"))]
    found = [(path.name, text) for path in paths for text in texts(path) if "workflow: " in text and "components:" in text]
    return {f"{name}:{number}": text for number, (name, text) in enumerate(found) if read(text).definition is not None}


SAMPLES = samples()


def plain(text: str) -> Any:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))


def test_it_is_a_schema_and_there_are_samples() -> None:
    meta.validate(SCHEMA)
    assert {name.split(":")[0] for name in SAMPLES} >= {"registration.py", "flows.py", "test_workflow_yaml_rules.py", "gateway.md"}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_validates(name: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(plain(SAMPLES[name]))] == []


def _misspelt(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Every key of a document that is no free name, each with the document in which it alone is misspelt.

    Free are names of components and inputs, names and values in an input's schema, and what stands inside an option.
    """
    found = []
    if isinstance(value, dict):
        for key, below in value.items():
            free = path and path[-1] in ("components", "inputs") and len(path) == 1
            free = free or (len(path) == 3 and path[0] == "triggers" and path[-1] in ("inputs", "map"))
            schema = len(path) > 1 and path[0] == "inputs" and (path[-1] == "properties" or "default" in path or "enum" in path)
            option = len(path) > 2 and path[0] == "components" and path[2] not in ("retry", "errors")
            if not free and not schema and not option:
                found.append(((*path, key), {**{k: v for k, v in value.items() if k != key}, f"{key}x": below}))
            found += [(where, {**value, key: changed}) for where, changed in _misspelt(below, (*path, key))]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += [(where, [*value[:index], changed, *value[index + 1 :]]) for where, changed in _misspelt(item, (*path, index))]
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_no_misspelt_key_validates(name: str) -> None:
    cases = _misspelt(plain(SAMPLES[name]))
    assert len(cases) >= 5
    assert [where for where, document in cases if VALIDATOR.is_valid(document)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: mq", "kind: mqq"),
        ("every: 2s", "every: 2 s"),
        ("attempts: 3", "attempts: 0"),
        ("strategy: fixed", "strategy: fixt"),
        ("kind: kafka-to-mq", "kind: kafka-to-queue"),
        ("topic: orders", "topic: or/ders"),
        ("endpoint: prod-kafka, ", ""),
        ("workflow: order-processing", "workflow: Order Processing"),
    ],
)
def test_a_wrong_value_does_not_validate(old: str, new: str) -> None:
    text = next(text for name, text in SAMPLES.items() if name.startswith("test_workflow_yaml_problems.py"))
    assert old in text
    assert not VALIDATOR.is_valid(plain(text.replace(old, new, 1)))


def test_each_key_and_option_says_what_it_is() -> None:
    assert set(SCHEMA["properties"]) == set(TOP)
    assert set(SCHEMA["definitions"]["connection"]["properties"]) == set(KEYS)
    silent = []
    for kind in KINDS.values():
        properties = SCHEMA["definitions"][f"component-{kind.name}"]["properties"]
        own = {key for key in OWN_KEYS if key != "endpoint" or needs_endpoint(kind)}
        assert set(properties) == own | set(kind.component.model_fields)
        silent += [f"{kind.name}.{name}" for name, field in properties.items() if not ("$ref" in field or field.get("description"))]
    assert silent == []
