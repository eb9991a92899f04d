"""An Airflow DAG file that does not load: the cluster reports it as an import error."""

import module_that_does_not_exist  # noqa: F401 - the missing module is the point
from airflow import DAG  # noqa: F401
