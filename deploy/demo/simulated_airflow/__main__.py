"""``python -m simulated_airflow --dialect v2 --port 8793 --dags 40``: one simulated cluster, until it is stopped."""

import argparse
from datetime import timedelta

import uvicorn

from simulated_airflow.application import USERS, build
from simulated_airflow.catalogue import demo_catalogue, recorded_catalogue


def main() -> None:
    """Serve one cluster."""
    parser = argparse.ArgumentParser(
        prog="simulated_airflow", description="A simulated Airflow cluster for the demonstration and for tests."
    )
    parser.add_argument("--dialect", choices=("v1", "v2"), required=True, help="v1 = Airflow 2.11, v2 = Airflow 3.3")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dags", type=int, default=40, help="how many DAGs the cluster has")
    parser.add_argument(
        "--catalogue", choices=("demo", "recorded"), default="demo", help="recorded = the DAGs that the API samples were made with"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same runs")
    parser.add_argument("--history", type=float, default=60.0, help="minutes of past that the cluster starts with")
    parser.add_argument("--password", default=USERS["admin"], help="password of the user 'admin' (also there: op, viewer)")
    chosen = parser.parse_args()
    dags = demo_catalogue(chosen.dags) if chosen.catalogue == "demo" else recorded_catalogue(chosen.dags)
    app = build(chosen.dialect, dags, seed=chosen.seed, users=USERS | {"admin": chosen.password}, history=timedelta(minutes=chosen.history))
    uvicorn.run(app, host=chosen.host, port=chosen.port, log_level="warning", date_header=False, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
