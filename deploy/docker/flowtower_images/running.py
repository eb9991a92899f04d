"""One image at work: started the strict way, asked, looked into, and stopped."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowtower_images.tools import Storage
from flowtower_local.trouble import Trouble

UID = 10001
_STRICT = (
    "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp:rw,size=64m,mode=1777", "--cap-drop=all",
    "--security-opt=no-new-privileges", "--network=host", "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096",
)  # fmt: skip


@dataclass(frozen=True)
class Container:
    """A running service image."""

    storage: Storage
    name: str
    port: int

    @classmethod
    def start(cls, storage: Storage, service: str, image: str, *, port: int, keys: Path, environment: Mapping[str, str]) -> "Container":
        name = f"flowtower-check-{service}-{port}"
        variables = [f"--env={key}={value}" for key, value in {**environment, "FLOWTOWER_PORT": str(port)}.items()]
        storage.podman("run", "-d", "--name", name, *_STRICT, f"--volume={keys}:/flowtower/keys:ro", *variables, image)
        return cls(storage, name, port)

    def wait(self, path: str, seconds: float) -> str:
        """The body of the first 200 within the time."""
        until = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                    return str(answer.read().decode())
            except urllib.error.HTTPError as error:
                why = f"{error.code} {error.read()[:300].decode(errors='replace')}"
            except OSError as error:
                why = str(error)
            if time.monotonic() > until:
                raise Trouble(f"{self.name}: {path} was not 200 after {seconds:.0f} s: {why}\n{self._log()}")
            time.sleep(0.5)

    def _log(self) -> str:
        return "\n".join(self.storage.podman("logs", "--tail=20", self.name).splitlines()[-20:])

    def refuse_privileges(self) -> str:
        """Who it runs as, and that it can neither write its root nor gain anything. Returns what was seen."""
        (facts,) = json.loads(self.storage.podman("inspect", self.name))
        status = Path(f"/proc/{facts['State']['Pid']}/status").read_text(encoding="utf-8")
        seen = {line.split(":")[0]: line.split(":")[1].split() for line in status.splitlines() if ":" in line}
        if set(seen["Uid"]) != {str(UID)} or set(seen["Gid"]) != {str(UID)}:
            raise Trouble(f"{self.name} runs as uid {seen['Uid']}, gid {seen['Gid']}, not as {UID}.")
        if int(seen["CapEff"][0], 16) or seen["NoNewPrivs"] != ["1"]:
            raise Trouble(f"{self.name} has capabilities {seen['CapEff']} or may gain some (NoNewPrivs {seen['NoNewPrivs']}).")
        for folder in ("/", "/opt/flowtower", "/flowtower"):
            said = self._exec("sh", "-c", f"touch {folder}/written 2>&1 && echo WRITTEN || true")
            if "WRITTEN" in said or "Read-only" not in said:
                raise Trouble(f"{self.name} could write to {folder}: {said.strip()}")
        self._exec("start-service", "--is-alive")
        return f"uid {UID}, no capabilities, root read-only, health check passes"

    def contents(self) -> set[str]:
        """Names of the Python packages inside, as their own metadata say."""
        listing = self._exec(
            "python", "-c", "import importlib.metadata as m; print('\\n'.join(sorted(d.metadata['Name'] for d in m.distributions())))"
        )
        return {name.strip().lower().replace("_", "-").replace(".", "-") for name in listing.split()}

    def _exec(self, *words: str) -> str:
        return self.storage.podman("exec", self.name, *words)

    def stop(self) -> int:
        """Ask it to stop; returns its exit code (137 = it had to be killed)."""
        self.storage.podman("stop", "--time=30", self.name)
        (facts,) = json.loads(self.storage.podman("inspect", self.name))
        return int(facts["State"]["ExitCode"])

    def remove(self) -> None:
        self.storage.podman("rm", "--force", "--time=0", self.name)
