"""The objects of Airflow 2.11's API, key by key as recorded."""

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from simulated_airflow.catalogue import DagSpec
from simulated_airflow.logs import lines
from simulated_airflow.world import Run, Task, World


def at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def signed(value: dict[str, Any]) -> str:
    """Make a token that looks like Airflow's: base64 JSON and a signature."""
    head = base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{head}.{hashlib.sha1(head.encode()).hexdigest()[:27]}"  # noqa: S324 - looks only, nothing is protected by it


def unsigned(token: str) -> dict[str, Any]:
    head = token.split(".", maxsplit=1)[0]
    value = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return value if isinstance(value, dict) else {}


def dag(world: World, spec: DagSpec) -> dict[str, Any]:
    last = next_run = None
    if spec.every_seconds is not None:
        every = timedelta(seconds=spec.every_seconds)
        next_run = datetime.fromtimestamp((world.now.timestamp() // spec.every_seconds + 1) * spec.every_seconds, world.now.tzinfo)
        last = next_run - every
    return {
        "dag_display_name": spec.dag_id,
        "dag_id": spec.dag_id,
        "default_view": "grid",
        "description": spec.description,
        "file_token": signed({"file": spec.file}),
        "fileloc": f"/opt/airflow/dags/{spec.file}",
        "has_import_errors": False,
        "has_task_concurrency_limits": False,
        "is_active": True,
        "is_paused": world.paused[spec.dag_id],
        "is_subdag": False,
        "last_expired": None,
        "last_parsed_time": at(world.scheduler_heartbeat),
        "last_pickled": None,
        "max_active_runs": 16,
        "max_active_tasks": 16,
        "max_consecutive_failed_dag_runs": 0,
        "next_dagrun": at(last),
        "next_dagrun_create_after": at(next_run),
        "next_dagrun_data_interval_end": at(next_run),
        "next_dagrun_data_interval_start": at(last),
        "owners": [spec.owner],
        "pickle_id": None,
        "root_dag_id": None,
        "schedule_interval": {"__type": "CronExpression", "value": spec.cron} if spec.cron else None,
        "scheduler_lock": None,
        "tags": [{"name": tag} for tag in spec.tags],
        "timetable_description": f"At {spec.cron}" if spec.cron else "Never, external triggers only",
    }


def run(found: Run) -> dict[str, Any]:
    return {
        "conf": found.conf,
        "dag_id": found.dag_id,
        "dag_run_id": found.run_id,
        "data_interval_end": at(found.run_after),
        "data_interval_start": at(found.run_after),
        "end_date": at(found.end),
        "execution_date": at(found.run_after),
        "external_trigger": found.run_type == "manual",
        "last_scheduling_decision": at(found.decided_at),
        "logical_date": at(found.run_after),
        "note": found.note,
        "run_type": found.run_type,
        "start_date": at(found.start),
        "state": found.state,
    }


def try_number(task: Task) -> int:
    return sum(attempt.state != "upstream_failed" for attempt in task.attempts)


def task(found: Run, of: Task, now: datetime) -> dict[str, Any]:
    until = of.end or now
    ran = try_number(of) > 0
    return {
        "dag_id": found.dag_id,
        "dag_run_id": found.run_id,
        "duration": None if of.start is None else round((until - of.start).total_seconds(), 6),
        "end_date": at(of.end),
        "execution_date": at(found.run_after),
        "executor": None,
        "executor_config": "{}",
        "hostname": "worker-1" if ran else "",
        "map_index": of.map_index,
        "max_tries": of.spec.retries,
        "note": None,
        "operator": "PythonOperator",
        "pid": of.pid,
        "pool": "default_pool",
        "pool_slots": 1,
        "priority_weight": 1,
        "queue": "default",
        "queued_when": at(of.queued_at),
        "rendered_fields": {"op_args": [], "op_kwargs": {}, "templates_dict": None} if ran else {},
        "rendered_map_index": None,
        "sla_miss": None,
        "start_date": at(of.start),
        "state": of.state,
        "task_display_name": of.spec.task_id,
        "task_id": of.spec.task_id,
        "trigger": None,
        "triggerer_job": None,
        "try_number": try_number(of),
        "unixname": "root",
    }


def log_text(found: Run, of: Task, number: int, position: int, now: datetime) -> tuple[str, int, bool]:
    """Give the text from ``position`` on, where it ends, and whether no more will come."""
    written = [
        " INFO - ::group::Log message source details",
        "*** Found local files:",
        f"***   * /opt/airflow/logs/dag_id={found.dag_id}/run_id={found.run_id}/task_id={of.spec.task_id}/attempt={number}.log",
        " INFO - ::endgroup::",
    ]
    for line in lines(found, of, number, now):
        stamp = line.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{line.at.microsecond // 1000:03d}+0000"
        written.append(f"[{stamp}] {{{line.place}}} {line.level.upper()} - {line.text}")
        if line.error is not None:
            written += [
                "Traceback (most recent call last):",
                f'  File "/opt/airflow/dags/{found.dag_id}.py", line 7, in run',
                f"{line.error[0]}: {line.error[1]}",
            ]
    whole = "\n".join(written)
    return whole[position:], len(whole), of.attempts[number - 1].end is not None


def log(found: Run, of: Task, number: int, token: str | None, now: datetime) -> dict[str, Any]:
    """Answer as the log endpoint does: Python's representation of pairs, and a token that always comes."""
    if number < 1 or number > try_number(of):
        text = f"Error fetching the logs. Try number {number} is invalid."
        return {"content": repr([("default_host", text)]), "continuation_token": signed({"end_of_log": True})}
    position = int(unsigned(token).get("log_pos", 0)) if token else 0
    text, end, ended = log_text(found, of, number, position, now)
    return {"content": repr([("worker-1", text)]), "continuation_token": signed({"end_of_log": ended, "log_pos": end})}
