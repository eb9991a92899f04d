"""Pages of DAGs, their runs, tasks and logs, over all clusters."""

from datetime import datetime

from gateway.application.views.parts import (
    Action,
    Choice,
    CommandView,
    Fact,
    FilterChip,
    HistoryBar,
    Seen,
    StateView,
    Trouble,
    View,
)


class PauseSwitch(View):
    """The pause switch of a DAG: what Airflow last said, and what was asked but is not confirmed yet."""

    paused: bool | None
    url: str
    asked: bool | None = None
    """What was asked for (``True`` = pause) while it is on its way, else ``None``."""
    refused: str = ""


class DagRow(View):
    """One DAG of one cluster. Everything that was not observed *now* is hatched by ``seen.stale``."""

    cluster_id: str
    cluster: str
    cluster_url: str
    dag_id: str
    url: str
    owner: str
    tags: tuple[str, ...]
    switch: PauseSwitch
    last: StateView
    bars: tuple[HistoryBar, ...]
    started: datetime | None
    took_seconds: float | None
    success_share: float | None
    next_run: datetime | None
    next_text: str
    seen: Seen
    trigger: Action | None = None
    log_url: str = ""
    late: bool = False


class DagsPage(View):
    """DAGs of every cluster."""

    rows: tuple[DagRow, ...]
    total: int | None
    chips: tuple[FilterChip, ...]
    search: str
    cluster: str
    clusters: tuple[Choice, ...]
    tag: str
    tags: tuple[Choice, ...]
    coverage: str
    """One line on how complete the list is, e.g. "14 of 14 clusters · oldest data 2 min (ap-south-1)"."""
    next_url: str = ""
    previous_url: str = ""
    state: str = "all"
    trouble: Trouble | None = None


class StateCount(View):
    """How many task instances are in a state."""

    state: StateView
    count: int


class DagRunRow(View):
    """One DAG run with its task instances counted by state; ``counts=None``: not read yet."""

    run_id: str
    url: str
    state: StateView
    kind: str
    logical: datetime | None
    started: datetime | None
    ended: datetime | None
    took_seconds: float | None
    counts: tuple[StateCount, ...] | None


class DagPage(View):
    """One DAG: what it is, how its last runs went, what was asked of it."""

    cluster_id: str
    cluster: str
    cluster_url: str
    dag_id: str
    description: str
    switch: PauseSwitch
    last: StateView
    seen: Seen
    bars: tuple[HistoryBar, ...]
    facts: tuple[Fact, ...]
    runs: tuple[DagRunRow, ...]
    next_url: str
    commands: tuple[CommandView, ...]
    actions: tuple[Action, ...]
    trouble: Trouble | None = None


class TaskRow(View):
    """One task instance of a run. ``offset`` and ``width`` (0..1) place its bar on the run's time line."""

    task_id: str
    label: str
    operator: str
    state: StateView
    tries: int | None
    started: datetime | None
    took_seconds: float | None
    log_url: str
    offset: float | None = None
    width: float | None = None


class DagRunPage(View):
    """One DAG run with its task instances."""

    cluster_id: str
    cluster: str
    cluster_url: str
    dag_id: str
    dag_url: str
    run_id: str
    state: StateView
    sentence: str
    seen: Seen
    counts: tuple[StateCount, ...]
    facts: tuple[Fact, ...]
    tasks: tuple[TaskRow, ...] | None
    actions: tuple[Action, ...] = ()
    trouble: Trouble | None = None


class LogLine(View):
    """One line; ``text`` may hold ANSI colours, which the viewer escapes first and then colours."""

    text: str
    at: str = ""
    source: str = ""
    level: str = ""


class TaskAt(View):
    """Which try of which task instance; ``map_index=-1`` = not mapped, ``try_number=None`` = the latest."""

    cluster_id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    try_number: int | None = None


class TaskLogPage(View):
    """The log of one try of a task, read from Airflow on demand."""

    cluster: str
    cluster_url: str
    dag_id: str
    dag_url: str
    run_id: str
    run_url: str
    task_id: str
    state: StateView
    tries: tuple[FilterChip, ...]
    lines: tuple[LogLine, ...]
    note: str = ""
    """What is shown of it, where that is not all."""
    running: bool = False
    """Whether the task still writes: then the page reads on."""
    live: str = ""
    """The topic of its DAG run."""
    seen: Seen
    download_url: str = ""
    trouble: Trouble | None = None
