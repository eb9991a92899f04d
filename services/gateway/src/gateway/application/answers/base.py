"""What all answers share."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Answer(BaseModel):
    """Base of answers: frozen, no NaN."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class Page(Answer, Generic[T]):
    """Part of a list. ``next``: give it as ``after`` to read on; None = this was the end."""

    items: tuple[T, ...]
    next: str | None = Field(default=None, description="Cursor of the next page, also in the Link header.")
