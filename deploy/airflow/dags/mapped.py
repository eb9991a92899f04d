"""An Airflow DAG with one task that is mapped over three values."""

from either_airflow import DAG, START, PythonOperator


def one(value: int) -> int:
    print("item", value)
    return value


with DAG("mapped", schedule=None, start_date=START, catchup=False, tags=["demo"]) as dag:
    PythonOperator.partial(task_id="fan", python_callable=one).expand(op_args=[[1], [2], [3]])
