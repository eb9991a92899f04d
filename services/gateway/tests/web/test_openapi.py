"""The API's description: every answer and every body has an example that is true, and every change can be repeated."""

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI

from gateway.entrypoints.api.routes import ROUTERS
from gateway.entrypoints.api.schema import openapi_of

JSON = "application/json"

# A session or a token must not be kept in the clear, so no answer of these can be given again.
SECRET = {"/api/account/set-up/", "/api/account/sign-in/", "/api/account/sign-out/", "/api/tokens/"}
# These change nothing, so a repetition does no harm.
HARMLESS = {
    "/api/alerts/rules/check/",
    "/api/clusters/test/",
    "/api/clusters/{cluster_id}/test/",
    "/api/endpoints/test/",
    "/api/endpoints/{endpoint_id}/test/",
    "/api/runs/bulk/preview/",
    "/api/workflows/validate/",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = FastAPI(version="0")
    for router in ROUTERS:
        app.routes.extend(router.routes)
    return openapi_of(app)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where a body or an answer stands, what type it has, and its description."""
    for method, path, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{method.upper()} {path} body", kind, content
        for status, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                yield f"{method.upper()} {path} {status}", kind, content


def examples(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    found = [content["example"]] if "example" in content else []
    schemas = [content["schema"], *content["schema"].get("anyOf", ())]
    for schema in schemas:
        named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        found += named.get("examples", [])
    return found


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """The same schemas, in which no field may stand that they do not name: an example with a slip of the pen is no example."""
    schemas = copy.deepcopy(document["components"]["schemas"])

    def close(schema: Any) -> None:
        if isinstance(schema, dict):
            if isinstance(schema.get("properties"), dict):
                schema.setdefault("additionalProperties", False)
            for inner in schema.values():
                close(inner)
        elif isinstance(schema, list):
            for inner in schema:
                close(inner)

    close(schemas)
    return {"schemas": schemas}


def test_every_body_and_answer_has_an_example(document) -> None:
    without = [
        place for place, kind, content in contents(document) if kind == JSON and content["schema"] and not examples(document, content)
    ]
    assert without == []


def test_every_example_fits_its_schema(document) -> None:
    components, checked, wrong = closed(document), 0, []
    for place, _, content in contents(document):
        validator = jsonschema_rs.Draft202012Validator({"components": components, **content["schema"]}, validate_formats=True)
        for example in examples(document, content):
            checked += 1
            wrong += [f"{place}: {list(error.instance_path)}: {error.message}" for error in validator.iter_errors(example)]
    assert wrong == []
    assert checked > 100


@pytest.mark.parametrize(
    ("slip", "said"),
    [({"status": 7}, "is not of type"), ({"asked_at": "yesterday"}, "date-time"), ({"stauts": "failed"}, "stauts")],
)
def test_an_example_that_is_not_true_is_noticed(document, slip: dict[str, Any], said: str) -> None:
    validator = jsonschema_rs.Draft202012Validator(
        {"components": closed(document), "$ref": "#/components/schemas/RunAnswer"}, validate_formats=True
    )
    (example,) = document["components"]["schemas"]["RunAnswer"]["examples"]
    assert [error.message for error in validator.iter_errors(example)] == []
    assert said in " ".join(error.message for error in validator.iter_errors({**example, **slip}))


def test_every_change_names_what_it_begins_from_or_can_be_repeated(document) -> None:
    bare = []
    for method, path, operation in operations(document):
        headers = {parameter["name"].lower() for parameter in operation.get("parameters", ()) if parameter["in"] == "header"}
        if method in {"put", "delete"} and path != "/api/tokens/{token_id}/" and "if-match" not in headers:
            bare.append((method, path))
        if method == "post" and path not in SECRET | HARMLESS and not headers & {"idempotency-key", "if-match"}:
            bare.append((method, path))
    assert bare == []
    assert {path for _, path, _ in operations(document)} >= SECRET | HARMLESS, "a path of these lists is no path any more"
