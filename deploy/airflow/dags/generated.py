"""Ten Airflow DAGs that exist to be listed, filtered and paused."""

from either_airflow import DAG, START, EmptyOperator

for number in range(10):
    with DAG(f"gen_{number:03d}", schedule=None, start_date=START, catchup=False, tags=["gen"]) as dag:
        EmptyOperator(task_id="first") >> EmptyOperator(task_id="second") >> EmptyOperator(task_id="third")
    globals()[dag.dag_id] = dag
