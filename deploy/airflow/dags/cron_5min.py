"""An Airflow DAG with a schedule: a new run every five minutes."""

from either_airflow import DAG, START, EmptyOperator

with DAG("cron_5min", schedule="*/5 * * * *", start_date=START, catchup=False) as dag:
    EmptyOperator(task_id="tick")
