"""The limits of an endpoint as fields of its form: what is left empty does not limit."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from gateway.application.views.endpoints import ConfigField
from gateway.entrypoints.web.fields import config_fields, config_values


class _Limits(BaseModel):
    concurrency: int | None = Field(
        default=None, description="Attempts of all workflows together; more wait for their turn. Empty = no limit."
    )
    retry_budget: int | None = Field(default=None, description="Attempts after the first, of all workflows together. Empty = no limit.")


class _Breaker(BaseModel):
    failures: int | None = Field(default=None, description="After so many in a row nothing calls it for a while. Empty = no breaker.")
    open_for: float | None = Field(default=None, description="Then one attempt tries; if it works, all go on. Empty = 30.")


_LABELS = {
    "limits.concurrency": "Attempts at once",
    "limits.retry_budget": "Retries a minute",
    "limits.breaker.failures": "Breaker: failures in a row",
    "limits.breaker.open_for": "Breaker: seconds it stays open",
}


def limit_fields(values: Mapping[str, Any]) -> tuple[ConfigField, ...]:
    """Return the fields of the limits, filled in."""
    fields = config_fields("limits", _Limits, values) + config_fields("limits.breaker", _Breaker, values.get("breaker") or {})
    return tuple(field.model_copy(update={"label": _LABELS[field.name]}) for field in fields)


def limit_values(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the limits as typed."""
    values = config_values("limits", _Limits, form)
    breaker = config_values("limits.breaker", _Breaker, form)
    return values | ({"breaker": breaker} if breaker else {})
