"""What `.env.example` promises is what `make up` and the compose file read, and what services understand."""

import importlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tree import ROOT

from flowtower_local import settings as local

COMPOSE = (ROOT / "docker-compose.yml").read_text()
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")
SERVICES = ("gateway", "cluster-poller", "executor", "alerter")


def sections() -> Iterator[tuple[str, str]]:
    """Give each variable of the example with the title of its section."""
    title = ""
    for line in (ROOT / ".env.example").read_text().splitlines():
        if heading := re.fullmatch(r"# --- (.+?) -*", line):
            title = heading[1]
        elif variable := re.fullmatch(r"#([A-Z][A-Z0-9_]*)=.+", line):
            yield variable[1], title


EXAMPLE = dict(sections())
ONLY_UP = {name for name, title in EXAMPLE.items() if title == "make up only"}
ONLY_COMPOSE = {name for name, title in EXAMPLE.items() if title == "docker compose only"}


def test_the_compose_file_reads_what_the_example_says_and_nothing_else() -> None:
    assert len(ONLY_UP) > 5
    assert ONLY_COMPOSE
    assert set(VARIABLE.findall(COMPOSE)) == EXAMPLE.keys() - ONLY_UP


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_in_a_container_is_given_every_setting_that_it_shares_with_make_up(service: str) -> None:
    given: dict[str, Any] = yaml.safe_load(COMPOSE)["services"][service]["environment"]
    # Inside its container every service listens at one port; the person's is the one on the host.
    assert EXAMPLE.keys() - ONLY_UP - ONLY_COMPOSE - {"FLOWTOWER_PORT"} <= given.keys()
    assert "FLOWTOWER_PORT" not in given


def test_the_first_link_leads_to_the_port_that_is_opened() -> None:
    compose = yaml.safe_load(COMPOSE)
    public = compose["services"]["gateway"]["environment"]["FLOWTOWER_PUBLIC_URL"]
    [opened] = compose["services"]["gateway"]["ports"]
    assert public == "${FLOWTOWER_PUBLIC_URL:-http://127.0.0.1:${FLOWTOWER_PORT:-8080}}"
    assert "${FLOWTOWER_PORT:-8080}:8080" in opened


@pytest.mark.parametrize("where", ["example", "compose"])
def test_every_name_is_one_that_somebody_reads(where: str) -> None:
    known = set(local._ONLY_LOCAL)
    for service in SERVICES:
        fields = importlib.import_module(f"{service.replace('-', '_')}.settings").Settings.model_fields
        known |= {f"FLOWTOWER_{name}".upper() for name in fields}
    given = (
        EXAMPLE.keys() - ONLY_COMPOSE
        if where == "example"
        else {name.removesuffix("_FILE") for name in yaml.safe_load(COMPOSE)["services"]["gateway"]["environment"]}
    )
    assert given - known == set()
