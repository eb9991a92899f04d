"""What `make demo` adds: two simulated Airflow clusters, orders that flow, and their registration over the public API."""

import asyncio
import os
import subprocess

from flowtower_demo.scene import VARIABLE, Queue, Scene
from flowtower_local import rabbitmq, tower
from flowtower_local.places import Places
from flowtower_local.programs import Program
from flowtower_local.progress import step
from flowtower_local.rabbitmq import RabbitMQ
from flowtower_local.readiness import Watched, ask_port
from flowtower_local.settings import LocalSettings
from flowtower_local.stamps import digest, files_below
from flowtower_local.strays import MARK
from flowtower_local.tower import Line
from flowtower_local.trouble import Trouble

_NO_ACCOUNT = 3
_CLUSTERS = (("demo-airflow-2", "v1", 3), ("demo-airflow-3", "v2", 7))


def add_programs(places: Places, settings: LocalSettings, line: Line) -> Scene:
    """Put the demo's programs behind the others, and write down where everything stands."""
    with step("The demo's queue") as running:
        broker = _broker(places, settings)
        running.say("RabbitMQ of this machine" if broker else "no rabbitmq-server here: orders go from Kafka to the service directly")
    scene = Scene(
        folder=places.state / "demo",
        gateway=settings.url("gateway"),
        kafka=line.kafka,
        airflow_2=_url(settings, "demo-airflow-2"),
        airflow_3=_url(settings, "demo-airflow-3"),
        service=_url(settings, "demo-orders"),
        queue=Queue(broker.port, rabbitmq.USER, broker.password()) if broker else None,
    )
    file = scene.write()
    if broker:
        _add_broker(line, broker, places)
    sources = digest(one for one in files_below(places.root / "deploy" / "demo") if one.suffix == ".py")[:16]
    environment = {
        MARK: str(places.state),
        VARIABLE: str(file),
        "PYTHONPATH": str(places.root / "deploy" / "demo"),
        "PYTHONUNBUFFERED": "1",
        "FLOWTOWER_LOCAL_SOURCES": sources,
    }
    for name, dialect, seed in _CLUSTERS:
        words = ["-m", "simulated_airflow", "--dialect", dialect, "--port", str(settings.port(name)), "--seed", str(seed)]
        _add(line, places, environment, words, name=name, port=settings.port(name))
    port = settings.port("demo-orders")
    _add(line, places, environment, ["-m", "flowtower_demo.order_service", "--port", str(port)], name="demo-orders", port=port)
    _add(line, places, environment, ["-m", "flowtower_demo.traffic"], name="demo-traffic", port=None)
    return scene


def _url(settings: LocalSettings, part: str) -> str:
    return f"http://127.0.0.1:{settings.port(part)}"


def _broker(places: Places, settings: LocalSettings) -> RabbitMQ | None:
    ports = {
        "port": settings.port("demo-rabbitmq"),
        "peer_port": settings.port("demo-rabbitmq-peer"),
        "mapper_port": settings.port("demo-rabbitmq-mapper"),
    }
    broker = RabbitMQ.at(places.state / "rabbitmq", **ports)
    if broker:
        broker.prepare()
    return broker


def _add_broker(line: Line, broker: RabbitMQ, places: Places) -> None:
    environment = broker.environment() | {MARK: str(places.state)}
    mapper = Program(
        "demo-rabbitmq-mapper", [str(broker.mapper), "-relaxed_command_check"], environment, priority=400, port=broker.mapper_port
    )
    line.add(mapper, Watched(mapper.name, lambda: ask_port(broker.mapper_port)))
    server = Program(
        "demo-rabbitmq", [str(broker.server)], environment, priority=410, port=broker.port, folder=broker.folder, stop_seconds=30
    )
    line.add(server, Watched(server.name, lambda: asyncio.run(rabbitmq.ask(broker.port, broker.password()))))


def _add(line: Line, places: Places, environment: dict[str, str], words: list[str], *, name: str, port: int | None) -> None:
    program = Program(name, [str(places.python), *words], environment, priority=500, port=port, folder=places.root)
    line.add(program, Watched(name, lambda: ask_port(port) if port else None))


def register(places: Places, settings: LocalSettings, line: Line, scene: Scene) -> str:
    """Tell Flowtower of the demo; as the first user when there is none yet. Returns what the person should know."""
    link = tower.setup_link(places, settings, line)
    file = scene.folder / "scene.json"
    with step("The demo is registered"):
        done = subprocess.run(
            [str(places.python), "-m", "flowtower_demo.registration", *([link] if link else [])],
            capture_output=True, text=True, check=False, timeout=120, cwd=places.root,
            env={**os.environ, VARIABLE: str(file), "PYTHONPATH": str(places.root / "deploy" / "demo")},
        )  # fmt: skip
        if done.returncode == _NO_ACCOUNT:
            raise Trouble(
                "Somebody signed up here before the demo, so it cannot register its clusters by itself.",
                "Make a token in Flowtower (Account, Tokens) and run: make demo FLOWTOWER_DEMO_TOKEN=… "
                "Or begin afresh: make down, remove .flowtower/postgres and .flowtower/kafka, make demo.",
            )
        if done.returncode != 0:
            raise Trouble(f"The demo could not be registered: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout.strip()
