"""The objects of Airflow 3.3's API, key by key as recorded."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from simulated_airflow.catalogue import DagSpec
from simulated_airflow.logs import lines
from simulated_airflow.v1_shapes import signed, try_number, unsigned
from simulated_airflow.world import Run, Task, World


def at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def dag(world: World, spec: DagSpec) -> dict[str, Any]:
    next_run = None
    if spec.every_seconds is not None:
        next_run = datetime.fromtimestamp((world.now.timestamp() // spec.every_seconds + 1) * spec.every_seconds, world.now.tzinfo)
    return {
        "dag_id": spec.dag_id,
        "dag_display_name": spec.dag_id,
        "is_paused": world.paused[spec.dag_id],
        "is_stale": False,
        "last_parsed_time": at(world.scheduler_heartbeat),
        "last_parse_duration": 0.12,
        "last_expired": None,
        "bundle_name": "dags-folder",
        "bundle_version": None,
        "relative_fileloc": spec.file,
        "fileloc": f"/opt/airflow/dags/{spec.file}",
        "description": spec.description,
        "timetable_summary": spec.cron,
        "timetable_description": f"At {spec.cron}" if spec.cron else "Never, external triggers only",
        "timetable_partitioned": False,
        "timetable_periodic": spec.cron is not None,
        "tags": [{"name": tag, "dag_id": spec.dag_id, "dag_display_name": spec.dag_id} for tag in sorted(spec.tags)],
        "max_active_tasks": 16,
        "max_active_runs": 16,
        "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": False,
        "has_import_errors": False,
        "next_dagrun_logical_date": at(next_run),
        "next_dagrun_data_interval_start": at(next_run),
        "next_dagrun_data_interval_end": at(next_run),
        "next_dagrun_run_after": at(next_run),
        "allowed_run_types": None,
        "owners": [spec.owner],
        "is_backfillable": spec.cron is not None,
        "file_token": signed({"bundle_name": "dags-folder", "relative_fileloc": spec.file}),
    }


def version(world: World, dag_id: str) -> dict[str, Any]:
    return {
        "id": str(UUID(int=world.random("version", dag_id).getrandbits(128), version=4)),
        "version_number": 1,
        "dag_id": dag_id,
        "bundle_name": "dags-folder",
        "bundle_version": None,
        "created_at": at(world.scheduler_heartbeat),
        "dag_display_name": dag_id,
        "bundle_url": None,
    }


def run(world: World, found: Run) -> dict[str, Any]:
    return {
        "dag_run_id": found.run_id,
        "dag_id": found.dag_id,
        "logical_date": at(found.logical_date),
        "queued_at": at(found.queued_at),
        "start_date": at(found.start),
        "end_date": at(found.end),
        "duration": None if found.start is None or found.end is None else (found.end - found.start).total_seconds(),
        "data_interval_start": at(found.logical_date),
        "data_interval_end": at(found.logical_date),
        "run_after": at(found.run_after),
        "last_scheduling_decision": at(found.decided_at),
        "run_type": found.run_type,
        "state": found.state,
        "triggered_by": "rest_api" if found.run_type == "manual" else "timetable",
        "triggering_user_name": found.by,
        "conf": found.conf,
        "note": found.note,
        "dag_versions": [version(world, found.dag_id)],
        "bundle_version": None,
        "dag_display_name": found.dag_id,
        "partition_key": None,
        "partition_date": None,
    }


def task(world: World, found: Run, of: Task, now: datetime) -> dict[str, Any]:
    until = of.end or now
    ran = try_number(of) > 0
    return {
        "id": of.identity,
        "task_id": of.spec.task_id,
        "dag_id": found.dag_id,
        "dag_run_id": found.run_id,
        "map_index": of.map_index,
        "logical_date": at(found.logical_date),
        "run_after": at(found.run_after),
        "start_date": at(of.start),
        "end_date": at(of.end),
        "duration": None if of.start is None else round((until - of.start).total_seconds(), 3),
        "state": of.state,
        "try_number": try_number(of),
        "max_tries": of.spec.retries,
        "task_display_name": of.spec.task_id,
        "dag_display_name": found.dag_id,
        "hostname": "worker-1" if ran else "",
        "unixname": "root",
        "pool": "default_pool",
        "pool_slots": 1,
        "queue": "default",
        "priority_weight": 1,
        "operator": "PythonOperator",
        "operator_name": "PythonOperator",
        "queued_when": at(of.queued_at),
        "scheduled_when": at(of.scheduled_at),
        "pid": of.pid,
        "executor": None,
        "executor_config": "{}",
        "note": None,
        "rendered_map_index": None,
        "rendered_fields": {"templates_dict": None, "op_args": [], "op_kwargs": {}} if ran else {},
        "trigger": None,
        "triggerer_job": None,
        "dag_version": version(world, found.dag_id),
    }


def log(found: Run, of: Task, number: int, token: str | None, now: datetime) -> dict[str, Any]:
    """Answer as the log endpoint does: events, and a token as long as the task writes."""
    head: list[dict[str, Any]] = [{"event": "::group::Log message source details"}]
    if number < 1 or number > try_number(of):
        return {"content": [head[0] | {"timestamp": None}, {"timestamp": None, "event": "::endgroup::"}], "continuation_token": None}
    place = f"/opt/airflow/logs/dag_id={found.dag_id}/run_id={found.run_id}/task_id={of.spec.task_id}/attempt={number}.log"
    events = [*head, {"event": place}, {"event": "::endgroup::"}]
    for line in lines(found, of, number, now):
        event: dict[str, Any] = {"timestamp": at(line.at), "event": line.text, "level": line.level, "logger": "task"}
        if line.error is not None:
            frame = {"filename": f"/opt/airflow/dags/{found.dag_id}.py", "lineno": 7, "name": "run"}
            event["error_detail"] = [{"exc_type": line.error[0], "exc_value": line.error[1], "frames": [frame]}]
        events.append(event)
    position = int(unsigned(token).get("log_pos", 0)) if token else 0
    ended = of.attempts[number - 1].end is not None
    return {"content": events[position:], "continuation_token": None if ended else signed({"end_of_log": False, "log_pos": len(events)})}
