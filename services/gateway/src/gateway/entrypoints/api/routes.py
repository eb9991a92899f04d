"""All routers of the API, in the order in which they are matched."""

from fastapi import APIRouter

from gateway.entrypoints.api.account import account, tokens
from gateway.entrypoints.api.alerts import alerts, channels, rules
from gateway.entrypoints.api.bulk import bulk
from gateway.entrypoints.api.clusters import clusters, commands
from gateway.entrypoints.api.dags import dags
from gateway.entrypoints.api.endpoints import endpoints
from gateway.entrypoints.api.monitoring import monitoring
from gateway.entrypoints.api.run_commands import run_commands
from gateway.entrypoints.api.runs import runs
from gateway.entrypoints.api.schema import description
from gateway.entrypoints.api.triggers import triggers
from gateway.entrypoints.api.versions import versions
from gateway.entrypoints.api.workflows import workflows

ROUTERS: tuple[APIRouter, ...] = (
    clusters,
    commands,
    dags,
    endpoints,
    workflows,
    triggers,
    versions,
    bulk,
    runs,
    run_commands,
    rules,
    channels,
    alerts,
    account,
    tokens,
    monitoring,
    description,
)
