"""Where things stand: the checkout, and the one folder that holds everything which `make up` makes."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("shared", "services/gateway", "services/cluster-poller", "services/executor", "services/alerter")


@dataclass(frozen=True)
class Places:
    """Paths below the checkout and below its state folder."""

    root: Path = ROOT
    state: Path = ROOT / ".flowtower"

    @property
    def venv(self) -> Path:
        return self.state / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def stamps(self) -> Path:
        return self.state / "stamps"

    @property
    def cache(self) -> Path:
        """Downloads of pip and npm: kept, so that an install that broke off goes on where it was."""
        return self.state / "cache"

    @property
    def jars(self) -> Path:
        return self.state / "jars"

    @property
    def keys(self) -> Path:
        return self.state / "keys"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def supervisor(self) -> Path:
        return self.state / "supervisor"

    @property
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def kafka(self) -> Path:
        return self.state / "kafka"

    @property
    def ui(self) -> Path:
        return self.root / "services" / "ui"

    def make(self) -> None:
        """Create the folders. The state folder lets others pass (PostgreSQL may run as somebody else) but not look."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o711)
        for folder in (self.stamps, self.logs, self.supervisor):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
