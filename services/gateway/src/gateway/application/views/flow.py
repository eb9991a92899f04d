"""A workflow's graph, with or without a run's colours. Goes to the browser as JSON."""

from typing import Literal

from gateway.application.views.parts import StateView, View

ComponentKind = Literal["kafka", "mq", "database", "service", "api", "airflow"]


class FlowNode(View):
    """A component: its name, kind and endpoint, its state in a run, and one figure on either side of its foot."""

    id: str
    kind: str
    endpoint: str
    state: StateView | None = None
    left: str = ""
    right: str = ""
    url: str = ""


class FlowEdge(View):
    """A connection; ``label`` is the count or rate on the line. Waiting ones are drawn dashed."""

    id: str
    source: str
    target: str
    kind: str
    label: str = ""
    state: StateView | None = None


class FlowGraph(View):
    """What the graph island draws; the same is readable without it as a list."""

    nodes: tuple[FlowNode, ...]
    edges: tuple[FlowEdge, ...]
    selected: str = ""
