"""What is particular to Airflow 2.x: its paths, limits and the oldest version that can be followed."""

PREFIX = "/api/v1"

OLDEST = (2, 6)
"""``updated_at_gte`` on runs and task instances exists from 2.6.0 on (apache/airflow #28636)."""

TASKS_BY_RUN_IDS = (2, 8)
"""``dag_run_ids`` in the task instances' batch read exists from 2.8 on; before, each run is read by itself."""

SESSION_SECONDS = 20 * 86_400
"""A session lasts 30 days by default; it is renewed well before."""

REFUSED_FOR_SECONDS = 30.0
"""After a refused sign-in no other is tried for this long: the form takes 5 tries per 40 s, and accounts get locked."""

BATCH_ROWS = 1000
"""Task instances per batch page. The server does not clamp it; 1000 rows are about 0.9 MB."""
