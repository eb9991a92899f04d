"""What every contract has in common.

A contract is a shape on the wire. Inside one version of a topic only additions with defaults are made, and a reader
ignores fields that it does not know: so an old reader understands a new writer and the other way round.
"""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Json = Any
"""Any JSON value. Bounded by the topic's message size, not by its shape."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
"""An identifier made by Flowtower (UUIDv7 text) or by an outside producer (same alphabet, at most 64 characters)."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$")]
"""A name that people give to clusters, endpoints and workflows: lower case, digits, ``.``, ``_`` and ``-``."""

ComponentName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")]
"""The name of a component inside a workflow, for example ``OrderQueue``."""

InputName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""The name of an input of a workflow; a name that CEL can say."""

Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
"""An expression in CEL (https://cel.dev), compiled where it is saved and where it is used."""

Text = Annotated[str, StringConstraints(max_length=4000)]
"""A sentence or two for people; longer texts are cut by the writer."""

MOST_COUNTED = 2_147_483_647
"""Largest number of a version, a revision or an event: what a column of 32 bits holds."""

Count = Annotated[int, Field(ge=1, le=MOST_COUNTED)]
"""The number of a version, a revision or an event, counted from 1."""

Seconds = Annotated[float, Field(ge=0, le=31_536_000)]
"""A duration in seconds, at most a year."""

Utc = AwareDatetime
"""A point in time with its offset; writers send UTC."""

TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
SpanId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Contract(BaseModel):
    """Base of every message and of its parts: immutable, tolerant of additions."""

    model_config = ConfigDict(extra="ignore", frozen=True, ser_json_inf_nan="null", allow_inf_nan=False)
