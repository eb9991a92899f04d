"""A workflow's versions: the list, and two of them side by side. The comparison is a real one, of two real texts."""

from datetime import timedelta

from gateway.application.answers.versions import comparison
from gateway.application.definitions import VersionRecord, WorkflowRecord
from gateway.application.queries.version_pages import compare_page
from gateway.application.views.parts import Choice
from gateway.application.views.versions import ComparePage, VersionsPage
from gateway.domain.text_diff import diff
from gateway.domain.workflow_changes import compare_definitions
from gateway.domain.workflow_yaml import read
from sample_pages.flows import YAML
from sample_pages.frame import NOW
from sample_pages.workflow import VERSIONS

OLD = (
    YAML.replace("queue: orders\n", "queue: orders-eu\n")
    .replace("    retry: {strategy: fixed, every: 2s, attempts: 3}\n", "")
    .replace("its owner.", "its owner, <b>not</b> by us.")
)
NEW = (
    YAML.replace("components:", "timeout: 2h\ncomponents:").replace(
        "connections:", "  Audit: {kind: service, endpoint: audit, path: /audit, join: any}\nconnections:"
    )
    + "  - {from: OrderQueue, to: Audit, kind: processing, when: output.confirmed > 0}\n"
)


def _record(number: int, text: str) -> VersionRecord:
    definition = read(text).definition
    assert definition is not None, read(text).problems
    at = NOW - timedelta(days=9 - number)
    return VersionRecord(
        "order-processing", number, text, definition.model_dump(mode="json"), at, "Mira Kessler", "more retries" if number == 7 else ""
    )


def _workflow() -> WorkflowRecord:
    return WorkflowRecord("order-processing", "order-processing", "", 7, False, NOW, NOW, "Mira Kessler")


def compared(before: str = OLD, after: str = NEW) -> ComparePage:
    old, new = _record(6, before), _record(7, after)
    found = comparison(old, new, compare_definitions(old.definition, new.definition), diff(before, after))
    return compare_page(_workflow(), old, new, found)


def same() -> ComparePage:
    return compared(NEW, NEW)


def listed() -> VersionsPage:
    return VersionsPage(
        id="order-processing",
        name="order-processing",
        latest=7,
        retired=False,
        rows=VERSIONS,
        choices=tuple(Choice(value=str(n), label=f"Version {n}") for n in range(7, 0, -1)),
        before="6",
        after="7",
        next_url="/workflows/order-processing/versions/?after=5",
        download_url="/workflows/order-processing/versions.jsonl",
    )
