"""An Airflow DAG whose task fails twice and succeeds at its third try."""

from datetime import timedelta
from typing import Any

from either_airflow import DAG, START, PythonOperator


def flaky(**context: Any) -> None:
    number = context["ti"].try_number
    print("try", number)
    if number < 3:
        raise RuntimeError(f"try {number} fails on purpose")


with DAG("retries", schedule=None, start_date=START, catchup=False, tags=["demo"]) as dag:
    PythonOperator(task_id="flaky", python_callable=flaky, retries=3, retry_delay=timedelta(seconds=3))
