"""On-demand reads for the other services: they change nothing and are bounded in time."""

import asyncio
import time
from typing import Any

import httpx
from fastapi import APIRouter, Depends

from executor.adapters.registries import PostgresRegistries
from executor.application.ports import Connector, Trouble
from shared.contracts.internal import EndpointTestRequest, EndpointTestResult
from shared.runtime.egress import EgressRefused
from shared.runtime.internal import InternalSigner, require_internal
from shared.runtime.logging import mask_text

_LIMIT_SECONDS = 20.0


def internal_routes(signer: InternalSigner, registries: PostgresRegistries, connectors: dict[str, Connector]) -> APIRouter:
    """Return the routes that only services of this installation may ask."""
    router = APIRouter(prefix="/internal")
    internal = Depends(require_internal(signer, "executor"))

    @router.post("/endpoints/test", dependencies=[internal])
    async def try_endpoint(asked: EndpointTestRequest) -> EndpointTestResult:
        """Try an endpoint that may not be saved yet."""
        began = time.monotonic()
        try:
            endpoint = registries.opened(asked.endpoint_id, "the endpoint", asked.kind, asked.options, asked.sealed_secret)
            async with asyncio.timeout(_LIMIT_SECONDS):
                facts = await connectors[asked.kind].check(endpoint)
        except Trouble as trouble:
            return _no(trouble.code, trouble.message)
        except EgressRefused as error:
            return _no("EgressRefused", str(error))
        except TimeoutError:
            return _no("Timeout", f"No answer within {_LIMIT_SECONDS:g} s. Check the address, and that a firewall lets us through.")
        except (OSError, httpx.HTTPError) as error:
            return _no("ConnectionRefused", f"No connection: {mask_text(str(error)) or type(error).__name__}. Check the address.")
        return EndpointTestResult(ok=True, message=_told(facts), latency_seconds=round(time.monotonic() - began, 4), facts=facts)

    return router


def _no(problem: str, message: str) -> EndpointTestResult:
    return EndpointTestResult(ok=False, problem=problem[:60], message=message[:4000])


def _told(facts: dict[str, Any]) -> str:
    known = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items() if value and not isinstance(value, list))
    return f"It answers. {known}." if known else "It answers."
