"""What an Airflow of each major needs to run alone on loopback: its packages and its settings.

The packages come from the frozen, hashed lists in ``deploy/airflow``. Virtual environments and migrated homes are
made once and kept between sessions; a changed list makes new ones.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from shared.testing.checkout import checkout, kept
from shared.testing.process import PartFailed

Major = Literal[2, 3]

PEOPLE = {"admin": "admin", "viewer": "viewer"}
"""User name → password; the role has the user's name. Airflow 3 also has `op`."""

BOTH = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "2",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__FERNET_KEY": "",
    "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "SCARF_ANALYTICS": "false",
    "NO_PROXY": "127.0.0.1,localhost",
    "PYTHONWARNINGS": "ignore",
}


def settings(major: Major, home: Path, port: int) -> dict[str, str]:
    """Return the environment variables of one Airflow: SQLite, LocalExecutor, signing in by password."""
    shared = BOTH | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    return shared | (_settings_2(port) if major == 2 else _settings_3(home, port))


def _settings_2(port: int) -> dict[str, str]:
    return {
        # 2.x refuses SQLite with LocalExecutor. The SequentialExecutor would run a task inside the scheduler's loop
        # and stop its heartbeat meanwhile, so the check is lifted; without the mini-scheduler SQLite copes.
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        "AIRFLOW__SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION": "False",
        "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
        "AIRFLOW__API__AUTH_BACKENDS": ("airflow.providers.fab.auth_manager.api.auth.backend.basic_auth,airflow.api.auth.backend.session"),
        "AIRFLOW__WEBSERVER__SECRET_KEY": "test-secret-key-of-at-least-32-bytes-x",
        "AIRFLOW__WEBSERVER__EXPOSE_CONFIG": "True",
        "AIRFLOW__WEBSERVER__WORKERS": "1",
        "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
        "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
    }


def _settings_3(home: Path, port: int) -> dict[str, str]:
    return {
        "AIRFLOW__CORE__AUTH_MANAGER": ("airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,op:op,viewer:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        # Tasks call the API server, so the address must carry the port.
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__SECRET_KEY": "test-secret-key-of-at-least-32-bytes-x",
        "AIRFLOW__API__EXPOSE_CONFIG": "True",
        "AIRFLOW__API_AUTH__JWT_SECRET": "test-jwt-secret-of-at-least-64-bytes-long-0123456789-0123456789-0123456789",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    }


def process_environment(programs: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an Airflow process: the machine's, without what belongs to our own Python."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    own["PATH"] = f"{programs}{os.pathsep}{own.get('PATH', os.defpath)}"
    return own | dict(extra)


def installed(major: Major) -> Path:
    """Return the programs' folder of an installed Airflow; the first session on a machine installs it (40 s)."""
    wanted = checkout() / "deploy" / "airflow" / f"requirements-af{major}.txt"
    stamp = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = kept("airflow")
    environment = folder / f"venv{major}-{stamp}"
    with (folder / f"lock{major}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (environment / "complete").exists():
            for old in folder.glob(f"venv{major}-*"):
                shutil.rmtree(old)
            _run([sys.executable, "-m", "venv", str(environment)], folder)
            pip = [str(environment / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
            _run([*pip, "--no-deps", "--require-hashes", "-r", str(wanted)], folder)
            (environment / "complete").touch()
    return environment / "bin"


def prepared_home(major: Major, programs: Path) -> Path:
    """Return an Airflow home with a migrated database and its users; copy it, don't run in it."""
    folder = kept("airflow")
    home = folder / f"home-{programs.parent.name}"
    with (folder / f"lock{major}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            for old in folder.glob(f"home-venv{major}-*"):
                shutil.rmtree(old)
            (home / "dags").mkdir(parents=True)
            environment = process_environment(programs, settings(major, home, 0))
            airflow = str(programs / "airflow")
            _run([airflow, "db", "migrate"], home, environment)
            if major == 2:
                # Until the permissions are synchronised there are no roles but Admin and Public.
                _run([airflow, "sync-perm"], home, environment)
                for name, password in PEOPLE.items():
                    person = ["-u", name, "-p", password, "-r", name.title(), "-e", f"{name}@example.org"]
                    _run([airflow, "users", "create", "-f", name, "-l", "Test", *person], home, environment)
            (home / "complete").touch()
    return home


def _run(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-3000:]
        raise PartFailed(f"Airflow could not be prepared: {' '.join(command)} ended with {done.returncode}:\n{said}")
