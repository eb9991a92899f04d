"""What the option models of all kinds share."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Base of endpoint and component options: closed, so that a misspelt option is an error and not a surprise."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
