"""Kind ``api``: one call to an HTTP API, whose answer matters."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from shared.contracts.base import Expression, Json
from shared.contracts.kinds.http import HttpEndpointOptions, HttpEndpointSecrets, writable
from shared.contracts.kinds.options import Options
from shared.contracts.kinds.templates import Placed, checked, placed

KIND = "api"
TITLE = "HTTP API"

Template = Annotated[str, StringConstraints(max_length=4000), AfterValidator(checked)]
OutputName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
HeaderName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class EndpointOptions(HttpEndpointOptions):
    pass


class EndpointSecrets(HttpEndpointSecrets):
    pass


class ComponentOptions(Options):
    path: Template = Field(
        default="/",
        max_length=2000,
        pattern=r"^/",
        description="Path below the endpoint's base URL, e.g. /orders/{order_id}; in braces an input or CEL.",
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    query: dict[str, Template] = Field(default={}, max_length=100, description="Parameters behind the ?, e.g. {state: open}.")
    headers: Annotated[dict[HeaderName, Template], AfterValidator(writable)] = Field(
        default={}, max_length=50, description="Further headers; no secrets here."
    )
    body: Annotated[Json, AfterValidator(checked)] = Field(
        default=None, description='Sent as JSON, e.g. {order: "{order_id}"}; texts may hold placeholders.'
    )
    expect: Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], Field(min_length=1)] | Expression | None = Field(
        default=None,
        description=(
            "What counts as success: a list of status codes, or CEL over status, headers and body,"
            ' e.g. status == 200 && body.state == "done". None = any 2xx.'
        ),
    )
    output: dict[OutputName, Expression] = Field(
        default={}, max_length=100, description="The component's output: name → CEL over status, headers and body, e.g. {total: body.sum}."
    )
    timeout: str = Field(default="30s", max_length=20, description="For the call, e.g. 500ms, 30s, 2m.")


def expressions(options: ComponentOptions) -> Iterator[Placed]:
    """Return every expression within a component's options."""
    yield from placed(options.path, "path")
    yield from placed(options.query, "query")
    yield from placed(options.headers, "headers")
    yield from placed(options.body, "body")
    if isinstance(options.expect, str):
        yield Placed(("expect",), options.expect, "ANSWER_CONDITION")
    for name, text in options.output.items():
        yield Placed(("output", name), text, "ANSWER_MAPPING")
