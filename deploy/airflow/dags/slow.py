"""An Airflow DAG that takes its time: `{"seconds": N}` in the run's conf, 90 when nothing is given."""

import time
from typing import Any

from either_airflow import DAG, START, PythonOperator


def nap(**context: Any) -> None:
    for second in range(int((context["dag_run"].conf or {}).get("seconds", 90))):
        print("tick", second, flush=True)
        time.sleep(1)


with DAG("slow", schedule=None, start_date=START, catchup=False, tags=["demo"], max_active_runs=1) as dag:
    PythonOperator(task_id="nap", python_callable=nap)
