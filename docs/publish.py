"""Writes what Flowtower promises to programs outside: JSON Schemas, AsyncAPI, OpenAPI; ``--check`` fails on a difference.

Usage: ``python docs/publish.py [--check]``. The schemas come from ``shared.contracts``, that of a workflow document from the
gateway, AsyncAPI from the table of topics through FastStream, OpenAPI from the gateway's routes.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from gateway.domain.workflow_yaml import workflow_schema
from gateway.entrypoints.api.routes import ROUTERS
from gateway.entrypoints.api.schema import openapi_of
from shared.contracts.topics import TOPICS, Topic
from shared.runtime.version import VERSION

HERE = Path(__file__).parent


def schema_of(topic: Topic) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a topic's message as writers must write it."""
    schema = topic.adapter.json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"flowtower:{topic.name}",
        "title": topic.name,
        "x-key": topic.key,
        "x-producers": list(topic.producers),
        "x-consumers": list(topic.consumers),
        "x-partitions": topic.partitions,
        "x-compacted": topic.compacted,
        **schema,
        "description": topic.about,
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of all topics, as an application that reads and writes each of them."""
    broker = KafkaBroker("kafka:9092")
    for topic in TOPICS:
        broker.publisher(topic.name, title=topic.name, description=topic.about, schema=topic.message)
    document: dict[str, Any] = json.loads(
        AsyncAPI(
            broker,
            title="Flowtower",
            version=VERSION,
            description="Every topic of Flowtower. Values are JSON; CloudEvents 1.0 and W3C traceparent stand in the headers.",
        )
        .to_specification()
        .to_json(),
    )
    return document


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the gateway's API."""
    app = FastAPI(version=VERSION)
    for router in ROUTERS:
        app.include_router(router)
    return openapi_of(app)


def documents() -> dict[Path, dict[str, Any]]:
    """Return every published document by its path."""
    found = {HERE / "schemas" / f"{topic.name}.schema.json": schema_of(topic) for topic in TOPICS}
    found[HERE / "schemas" / "workflow.schema.json"] = workflow_schema()
    found[HERE / "asyncapi.json"] = asyncapi()
    found[HERE / "openapi.json"] = openapi()
    return found


def main() -> int:
    """Write or check; return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="write nothing; exit 1 when a document differs")
    check = arguments.parse_args().check
    differs = []
    for path, document in documents().items():
        text = json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        if path.exists() and path.read_text() == text:
            continue
        differs.append(path.relative_to(HERE.parent))
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    for path in differs:
        sys.stdout.write(f"{'differs' if check else 'written'}: {path}\n")
    if check and differs:
        sys.stdout.write("Run 'make contracts' and commit what it wrote.\n")
    return int(check and bool(differs))


if __name__ == "__main__":
    sys.exit(main())
