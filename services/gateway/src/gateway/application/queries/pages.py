"""Every page's context: the port PageQueries of the views."""

from gateway.application.queries.alerts import AlertQueries
from gateway.application.queries.bulk_pages import BulkQueries
from gateway.application.queries.clusters import ClusterQueries
from gateway.application.queries.dag_runs import DagRunQueries
from gateway.application.queries.dags import DagQueries
from gateway.application.queries.endpoints import EndpointQueries
from gateway.application.queries.frame import FrameQueries
from gateway.application.queries.overview import OverviewQueries
from gateway.application.queries.retry_page import RetryQueries
from gateway.application.queries.run_page import RunPageQueries
from gateway.application.queries.runs import RunListQueries
from gateway.application.queries.workflows import WorkflowQueries


class Pages(
    FrameQueries,
    OverviewQueries,
    ClusterQueries,
    DagQueries,
    DagRunQueries,
    EndpointQueries,
    WorkflowQueries,
    RunListQueries,
    RunPageQueries,
    RetryQueries,
    BulkQueries,
    AlertQueries,
):
    """All page queries together."""
