"""A private RabbitMQ for the demo, from the machine's own package; there is no other way to get one."""

import logging
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
USER = "demo"


@dataclass(frozen=True)
class RabbitMQ:
    """One broker: its folder, its three ports, and the two programs of the package."""

    folder: Path
    port: int
    peer_port: int
    mapper_port: int
    server: Path
    mapper: Path

    @classmethod
    def at(cls, folder: Path, *, port: int, peer_port: int, mapper_port: int) -> "RabbitMQ | None":
        """None when the machine has no rabbitmq-server."""
        server = _SERVER if _SERVER.exists() else Path(shutil.which("rabbitmq-server") or "")
        mapper = shutil.which("epmd")
        if not server.is_file() or mapper is None:
            return None
        return cls(folder, port, peer_port, mapper_port, server, Path(mapper))

    def password(self) -> str:
        return (self.folder / "password").read_text(encoding="ascii").strip()

    def prepare(self) -> None:
        """Write its configuration; make its password once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if not (self.folder / "password").exists():
            (self.folder / "password").write_text(secrets.token_urlsafe(18), encoding="ascii")
        (self.folder / "plugins").write_text("[].\n", encoding="ascii")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndistribution.listener.interface = 127.0.0.1\n"
            f"default_user = {USER}\ndefault_pass = {self.password()}\n"
            "disk_free_limit.absolute = 50MB\nlog.console = true\nlog.console.level = warning\n",
            encoding="ascii",
        )

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"flowtower{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(self.peer_port),
            "RABBITMQ_USE_LONGNAME": "false",
            "ERL_EPMD_PORT": str(self.mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }


async def ask(port: int, password: str) -> str | None:
    """None when AMQP answers, else why not."""
    import aio_pika  # noqa: PLC0415 - comes with the locks
    from aiormq.exceptions import AMQPError  # noqa: PLC0415

    # A refused connection is what we wait through; the client would print a line for each.
    logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)
    try:
        connection = await aio_pika.connect(host="127.0.0.1", port=port, login=USER, password=password, timeout=5)
    except (OSError, TimeoutError, AMQPError) as error:
        return f"AMQP does not answer yet ({type(error).__name__})"
    await connection.close()
    return None
