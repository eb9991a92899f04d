"""An Airflow DAG whose first task fails, so that its second is never tried."""

from either_airflow import DAG, START, PythonOperator


def boom() -> None:
    raise ValueError("boom: deliberate failure")


with DAG("fails", schedule=None, start_date=START, catchup=False, tags=["demo", "bad"]) as dag:
    first = PythonOperator(task_id="will_fail", python_callable=boom)
    second = PythonOperator(task_id="never_runs", python_callable=print)
    first >> second
