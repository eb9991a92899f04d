"""Workflows in YAML: reading with the position of everything that is wrong, and writing that keeps comments and order."""

from gateway.domain.workflow_yaml.as_json import in_json, lost, refuse_hidden, refuse_unknown
from gateway.domain.workflow_yaml.reading import MAX_YAML_BYTES, Reading, read
from gateway.domain.workflow_yaml.schema import workflow_schema
from gateway.domain.workflow_yaml.writing import write

__all__ = ["MAX_YAML_BYTES", "Reading", "in_json", "lost", "read", "refuse_hidden", "refuse_unknown", "workflow_schema", "write"]
