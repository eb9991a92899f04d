"""The DAGs of a simulated cluster."""

from dataclasses import dataclass

BROKEN_FILE = "/opt/airflow/dags/broken_import.py"
BROKEN_TRACE = (
    "Traceback (most recent call last):\n"
    f'  File "{BROKEN_FILE}", line 2, in <module>\n'
    "    import module_that_does_not_exist  # noqa\n"
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
    "ModuleNotFoundError: No module named 'module_that_does_not_exist'\n"
)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task: how long a try takes, how many tries fail (by chance or always), how many mapped instances it has."""

    task_id: str
    upstream: tuple[str, ...] = ()
    seconds: tuple[float, float] = (1.0, 3.0)
    failing_tries: int = 0
    chance_of_failure: float = 0.0
    retries: int = 0
    retry_seconds: float = 5.0
    mapped: int = 0
    hangs: bool = False


@dataclass(frozen=True, slots=True)
class DagSpec:
    dag_id: str
    tasks: tuple[TaskSpec, ...]
    description: str | None = None
    cron: str | None = None
    every_seconds: float | None = None
    tags: tuple[str, ...] = ()
    owner: str = "airflow"
    paused: bool = False

    @property
    def file(self) -> str:
        return f"{self.dag_id}.py"


def _chain(*names: str, seconds: tuple[float, float] = (1.0, 3.0), chance: float = 0.0) -> tuple[TaskSpec, ...]:
    return tuple(
        TaskSpec(
            name,
            upstream=(names[place - 1],) if place else (),
            seconds=seconds,
            chance_of_failure=chance if place == len(names) - 1 else 0.0,
        )
        for place, name in enumerate(names)
    )


RECORDED: tuple[DagSpec, ...] = (
    DagSpec("cron_5min", _chain("tick"), cron="*/5 * * * *", every_seconds=300.0),
    DagSpec("fails", (TaskSpec("will_fail", failing_tries=99), TaskSpec("never_runs", ("will_fail",))), tags=("bad", "demo")),
    DagSpec("ok_three", _chain("extract", "transform", "load"), "three tasks, all succeed", tags=("demo", "ok")),
    DagSpec("retries", (TaskSpec("flaky", failing_tries=2, retries=3),), tags=("demo",)),
    DagSpec("mapped", (TaskSpec("make"), TaskSpec("fan", ("make",), mapped=5), TaskSpec("total", ("fan",))), tags=("demo",)),
    DagSpec("slow", (TaskSpec("nap", seconds=(90.0, 90.0)),), tags=("demo",)),
)
"""The DAGs that the recordings were made with, by the same names."""

HANGING = DagSpec(
    "wait_for_partner_file",
    (TaskSpec("wait_for_file", hangs=True), TaskSpec("load", ("wait_for_file",))),
    "Waits for a file that never comes",
    "0 * * * *",
    3600.0,
    ("sensor",),
)

_DEMO: tuple[DagSpec, ...] = (
    DagSpec(
        "orders_ingest",
        _chain("extract", "validate", "load", seconds=(2, 6)),
        "Loads new orders",
        "* * * * *",
        60.0,
        ("orders", "ingest"),
        "sales",
    ),
    DagSpec(
        "orders_enrich",
        _chain("read", "enrich", "publish", chance=0.15),
        "Adds customers and prices",
        "*/2 * * * *",
        120.0,
        ("orders",),
        "sales",
    ),
    DagSpec(
        "payments_settle",
        _chain("collect", "settle", "report", chance=0.25),
        "Settles card payments",
        "*/3 * * * *",
        180.0,
        ("payments",),
        "finance",
    ),
    DagSpec(
        "stock_sync",
        (TaskSpec("fetch", failing_tries=1, retries=2), TaskSpec("compare", ("fetch",), mapped=4), TaskSpec("write", ("compare",))),
        "Compares stock with the warehouse",
        "*/5 * * * *",
        300.0,
        ("stock",),
        "logistics",
    ),
    DagSpec(
        "customer_export",
        (TaskSpec("export", failing_tries=99, retries=1), TaskSpec("upload", ("export",))),
        "Exports customers",
        "*/10 * * * *",
        600.0,
        ("crm",),
        "marketing",
    ),
    DagSpec(
        "ledger_close",
        _chain("freeze", "sum", "check", "archive", seconds=(15, 40)),
        "Closes the ledger",
        "*/15 * * * *",
        900.0,
        ("finance", "slow"),
        "finance",
    ),
    DagSpec("quality_report", _chain("measure", "render"), "Measures data quality", "0 * * * *", 3600.0, ("quality",), "data", paused=True),
)

_AREAS = ("orders", "payments", "stock", "crm", "web", "ads", "hr", "support")
_STEPS = ("clean", "aggregate", "score", "export", "snapshot", "backfill")


def demo_catalogue(number: int) -> tuple[DagSpec, ...]:
    """Give ``number`` DAGs: the told ones first, then ordinary ones that run now and then."""
    dags = [*_DEMO, HANGING, *RECORDED]
    place = 0
    while len(dags) < number:
        area, step = _AREAS[place % len(_AREAS)], _STEPS[place // len(_AREAS) % len(_STEPS)]
        name = f"{area}_{step}" if place < len(_AREAS) * len(_STEPS) else f"{area}_{step}_{place:04d}"
        every = 300.0 * (2 + place % 10)
        dags.append(
            DagSpec(
                name,
                _chain("read", "work", "write", chance=0.03),
                None,
                f"*/{int(every // 60)} * * * *",
                every,
                (area,),
                "data",
                paused=place % 7 == 3,
            )
        )
        place += 1
    return tuple(dags[:number])


def recorded_catalogue(number: int = 108) -> tuple[DagSpec, ...]:
    """Give the DAGs of the recordings: the named ones, then ``gen_000``, ``gen_001`` and so on."""
    generated = (DagSpec(f"gen_{place:03d}", _chain("only"), tags=("gen",)) for place in range(max(0, number - len(RECORDED))))
    return (*RECORDED, *generated)
