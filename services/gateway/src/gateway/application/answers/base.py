"""What all answers share."""

from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


def example(**fields: Any) -> ConfigDict:
    """Return the configuration of an answer that shows these fields as its example in the API's description."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Answer(BaseModel):
    """Base of answers: frozen, no NaN."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


def _of_what_it_lists(schema: dict[str, Any], page: type[BaseModel]) -> None:
    item = get_args(page.model_fields["items"].annotation)[0]
    extra = getattr(item, "model_config", {}).get("json_schema_extra")
    if isinstance(extra, dict) and (examples := extra.get("examples")):
        schema["examples"] = [{"items": examples, "next": None}]


class Page(Answer, Generic[T]):
    """Part of a list. ``next``: give it as ``after`` to read on; None = this was the end."""

    model_config = ConfigDict(json_schema_extra=_of_what_it_lists)

    items: tuple[T, ...]
    next: str | None = Field(default=None, description="Cursor of the next page, also in the Link header.")
