"""Where everything of the demo stands: written once by `make demo`, read by each of its programs."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

VARIABLE = "FLOWTOWER_DEMO"
"""Names the file."""

TOPIC = "demo.orders"
QUEUE = "demo.orders"
WORKFLOW = "demo-orders"


@dataclass(frozen=True)
class Queue:
    """The RabbitMQ of the demo; there is none where the machine has no rabbitmq-server."""

    port: int
    username: str
    password: str


@dataclass(frozen=True)
class Scene:
    """Addresses, and the folder where the demo keeps its account."""

    folder: Path
    gateway: str
    kafka: str
    airflow_2: str
    airflow_3: str
    service: str
    queue: Queue | None

    def write(self) -> Path:
        """Write the file, readable for its owner alone, and return its path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        file = self.folder / "scene.json"
        file.write_text(json.dumps(asdict(self) | {"folder": str(self.folder)}, indent=2), encoding="utf-8")
        return file

    @classmethod
    def read(cls) -> Self:
        found = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
        queue = Queue(**found.pop("queue")) if found["queue"] else found.pop("queue")
        return cls(**found | {"folder": Path(found["folder"]), "queue": queue})
