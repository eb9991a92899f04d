"""An Airflow DAG whose task wants a pool that does not exist: it is queued for ever."""

from either_airflow import DAG, START, PythonOperator

with DAG("warns", schedule=None, start_date=START, catchup=False) as dag:
    PythonOperator(task_id="waits", python_callable=print, pool="no_such_pool")
