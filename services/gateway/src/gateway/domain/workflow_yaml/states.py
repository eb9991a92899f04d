"""States of a DAG run in YAML: a state that Airflow does not have is waited for in vain."""

from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.sink import Sink
from shared.contracts.dags import DAG_RUN_STATES


def note_unknown_states(node: Value | None, path: str, sink: Sink) -> None:
    """Note each text of a list that is no state of a DAG run; what is no list of texts is noted by its model."""
    for index, item in enumerate(node.data if node is not None and isinstance(node.data, list) else ()):
        if isinstance(item.data, str) and item.data not in DAG_RUN_STATES:
            sink.add(item, f"{path}[{index}]", f"A DAG run has no state {item.called}.", meant(item.data, DAG_RUN_STATES))
