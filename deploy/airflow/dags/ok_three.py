"""An Airflow DAG of three tasks that succeed and write an asset, and one DAG that waits for that asset."""

from either_airflow import DAG, START, Asset, PythonOperator

RESULT = Asset("s3://bucket/out.csv")


def say(name: str) -> dict[str, str]:
    print(f"hello from {name}")
    return {"name": name}


with DAG(
    "ok_three",
    schedule=None,
    start_date=START,
    catchup=False,
    tags=["demo", "ok"],
    description="three tasks, all succeed",
    doc_md="# ok_three",
) as dag:
    extract = PythonOperator(task_id="extract", python_callable=say, op_args=["extract"])
    transform = PythonOperator(task_id="transform", python_callable=say, op_args=["transform"])
    load = PythonOperator(task_id="load", python_callable=say, op_args=["load"], outlets=[RESULT])
    extract >> transform >> load

with DAG("on_asset", schedule=[RESULT], start_date=START, catchup=False, tags=["demo", "asset"]) as follower:
    PythonOperator(task_id="consume", python_callable=say, op_args=["consume"])
