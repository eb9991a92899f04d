"""Kind ``service``: a service that is called over HTTP."""

from typing import Literal

from pydantic import Field

from shared.contracts.kinds.http import HttpEndpointOptions, HttpEndpointSecrets
from shared.contracts.kinds.options import Options

KIND = "service"
TITLE = "Service"


class EndpointOptions(HttpEndpointOptions):
    pass


class EndpointSecrets(HttpEndpointSecrets):
    pass


class ComponentOptions(Options):
    path: str = Field(default="/", max_length=2000, pattern=r"^/", description="Path below the endpoint's base URL.")
    method: Literal["POST", "PUT", "PATCH", "GET"] = Field(default="POST", description="Method of the calls.")
    deliver: Literal["each", "once"] = Field(
        default="each",
        description=(
            "each: one call for every incoming message, in order per key, acknowledged after a 2xx."
            " once: one call with the outcome of what came before."
        ),
    )
    in_flight: int = Field(default=16, ge=1, le=256, description="Calls under way at once; messages of one key never overlap.")
    timeout: str = Field(default="30s", max_length=20, description="For one call, e.g. 500ms, 30s, 2m.")
