"""Kind ``airflow``: a DAG run on a registered cluster, started or only watched. It is reached through the cluster-poller alone."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.contracts.base import Json, Name
from shared.contracts.kinds.options import Options
from shared.contracts.kinds.templates import Placed, checked, placed

KIND = "airflow"
TITLE = "Airflow DAG"

DagState = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z_]+$")]


class EndpointOptions(Options):
    """The kind has no endpoint: it names a cluster."""


class EndpointSecrets(Options):
    """The kind has no endpoint; the cluster's credentials are the cluster-poller's alone."""


class ComponentOptions(Options):
    cluster: Name = Field(description="Name of the cluster.")
    dag_id: str = Field(min_length=1, max_length=250, description="The DAG.")
    do: Literal["trigger", "watch"] = Field(
        default="trigger",
        description="trigger: start a DAG run and wait for its end. watch: wait for the end of the next one, or of dag_run_id.",
    )
    dag_run_id: Annotated[str, AfterValidator(checked)] | None = Field(
        default=None, max_length=250, description="With watch: the DAG run to wait for; placeholders are allowed. None = the next one."
    )
    conf: Annotated[dict[str, Json], AfterValidator(checked)] = Field(
        default={},
        max_length=200,
        description='With trigger: the DAG run\'s configuration, e.g. {day: "{day}"}; texts may hold placeholders.',
    )
    states: tuple[DagState, ...] = Field(
        default=("success",), min_length=1, max_length=10, description="States of the DAG run that count as success."
    )
    wait: bool = Field(default=True, description="With trigger, false: done as soon as Airflow shows the DAG run.")
    at_most: str | None = Field(
        default=None, max_length=20, description="Longest wait for the end of the DAG run, e.g. 6h, counted from the first attempt."
    )

    @model_validator(mode="after")
    def _belongs_together(self) -> "ComponentOptions":
        if self.do == "watch" and self.conf:
            raise ValueError("'conf' belongs to do: trigger; a DAG run that is only watched has its own")
        if self.do == "watch" and not self.wait:
            raise ValueError("'wait: false' belongs to do: trigger; watching is waiting")
        if self.do == "trigger" and self.dag_run_id is not None:
            raise ValueError("'dag_run_id' belongs to do: watch; a DAG run that is triggered is named after the run")
        return self


def expressions(options: ComponentOptions) -> Iterator[Placed]:
    """Return every expression within a component's options."""
    yield from placed(options.conf, "conf")
    if options.dag_run_id is not None:
        yield from placed(options.dag_run_id, "dag_run_id")
