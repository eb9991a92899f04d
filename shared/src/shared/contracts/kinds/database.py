"""Kind ``database``: tables of a PostgreSQL database: read by a query, written to, or changed by one statement."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints, model_validator

from shared.contracts.base import Expression
from shared.contracts.kinds.options import Options
from shared.contracts.kinds.templates import Placed

KIND = "database"
TITLE = "Database (PostgreSQL)"

QUERY, WRITE, EXECUTE = "database query", "database write", "database execute"
"""What a component of this kind is at the end of a connection, see ``end_of``."""

Column = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]+$")]
FieldPath = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class EndpointOptions(Options):
    host: str = Field(min_length=1, max_length=255)
    port: int = Field(default=5432, ge=1, le=65535)
    database: str = Field(min_length=1, max_length=63, description="The database's name.")
    username: str = Field(default="", max_length=200)
    search_path: str = Field(
        default="public",
        max_length=500,
        description="Schemas in which tables are looked for, comma separated.",
        pattern=r"^[^\x00-\x1f;]+$",
    )
    tls: bool = False
    ca_pem: str | None = Field(default=None, max_length=100_000, description="Authority that signs the server's certificate.")


class EndpointSecrets(Options):
    password: SecretStr | None = None


class ComponentOptions(Options):
    query: str | None = Field(
        default=None, min_length=1, max_length=20_000, description="Read: a SELECT; each of its rows is a JSON message for what follows."
    )
    table: str | None = Field(
        default=None,
        max_length=127,
        pattern=r"^[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?$",
        description="Write: the table, with or without its schema, that takes the incoming messages.",
    )
    statement: str | None = Field(
        default=None, min_length=1, max_length=20_000, description="Execute: one statement, in a transaction of its own."
    )
    parameters: tuple[Expression, ...] = Field(
        default=(), max_length=100, description="Of query and statement: CEL for $1, $2, …, e.g. [inputs.region, outputs.Look.id]."
    )
    order_by: Column | None = Field(
        default=None,
        description=(
            "Of query: a column without repeats and nulls (whole numbers, dates, times or UUIDs) by which rows are read;"
            " needed when rows are handed on."
        ),
    )
    key: Column | None = Field(default=None, description="Of query: the column that becomes each message's key.")
    output_rows: int | None = Field(
        default=None, ge=0, le=1000, description="Of query: rows kept in the output. None = 100 without order_by, else none."
    )
    columns: dict[Column, FieldPath] = Field(
        default={},
        max_length=500,
        description="Of table: column → field of the message, e.g. {id: order_id, city: customer.city}. Empty = as the fields are named.",
    )
    body_column: Column | None = Field(
        default=None, description="Of table: the column that takes the whole message (text, json, jsonb, bytea)."
    )
    key_columns: tuple[Column, ...] = Field(
        default=(), max_length=20, description="Of table: columns with a unique index; a message whose key is there changes that row."
    )
    on_conflict: Literal["update", "ignore"] = Field(default="update", description="Of table: what happens to a row whose key is there.")
    idempotency_column: Column | None = Field(
        default=None, description="Of table: the column (text) that takes run:component:generation and the message's place at its source."
    )
    statement_timeout: str = Field(default="30s", max_length=20, description="For each statement, kept by the server, e.g. 500ms, 30s, 2m.")

    @model_validator(mode="after")
    def _one_operation(self) -> "ComponentOptions":
        given = [name for name in _BELONG if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("write one of 'query' (read), 'table' (write) and 'statement' (execute)")
        for name in sorted(self.model_fields_set - {*_BELONG, *_BELONG[given[0]], "statement_timeout"}):
            owners = " or ".join(f"'{of}'" for of, names in _BELONG.items() if name in names)
            raise ValueError(f"'{name}' belongs to {owners}, and this component has '{given[0]}'")
        return self


_BELONG = {
    "query": ("parameters", "order_by", "key", "output_rows"),
    "table": ("columns", "body_column", "key_columns", "on_conflict", "idempotency_column"),
    "statement": ("parameters",),
}
"""Operation → the options that belong to it."""


def end_of(options: Mapping[str, Any]) -> str:
    """Return what a component with these options is at the end of a connection."""
    return QUERY if options.get("query") is not None else EXECUTE if options.get("statement") is not None else WRITE


def expressions(options: ComponentOptions) -> Iterator[Placed]:
    """Return every expression within a component's options."""
    for index, text in enumerate(options.parameters):
        yield Placed(("parameters", index), text)
