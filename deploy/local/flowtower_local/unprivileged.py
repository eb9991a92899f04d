"""PostgreSQL refuses to run as root. As root it therefore runs as somebody else, and no system user is created for it.

Two ways, the first that works here is taken:
1. the account `nobody`: a real drop of privileges, possible when every folder above the data and the program lets
   others pass;
2. a user namespace (`unshare --user`): the process keeps its files but has no privileges outside, which also works
   below a closed folder such as a home directory with mode 0700.
"""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowtower_local.trouble import Trouble

ACCOUNT = "nobody"
_UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


@dataclass(frozen=True)
class Runner:
    """Who runs a program: an account (None = whoever we are) and words to put in front of the command."""

    account: str | None = None
    prefix: tuple[str, ...] = field(default=())

    def own(self, path: Path) -> None:
        """Hand a file or folder to the account."""
        if self.account is not None:
            entry = pwd.getpwnam(self.account)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def popen_arguments(self) -> dict[str, Any]:
        """For subprocess: run as the account, with none of our groups."""
        if self.account is None:
            return {}
        entry = pwd.getpwnam(self.account)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def runner_for(*paths: Path) -> Runner:
    """Somebody who may run PostgreSQL with these paths, or `Trouble` that names the folder in the way."""
    if os.geteuid() != 0:
        return Runner()
    closed = first_closed(*paths)
    if closed is None and _account_exists():
        return Runner(account=ACCOUNT)
    if _can_unshare():
        return Runner(prefix=_UNSHARE)
    blocked = f"{closed} lets nobody else pass" if closed else f"there is no account '{ACCOUNT}'"
    raise Trouble(
        f"PostgreSQL does not run as root, and not as somebody else here: {blocked}, and user namespaces are off.",
        f"Either chmod o+x {closed or '…'}, or run make up as an ordinary user, "
        "or use a PostgreSQL that runs already: FLOWTOWER_DATABASE_URL.",
    )


def first_closed(*paths: Path) -> Path | None:
    """The first folder above one of the paths that somebody else cannot pass; None when all are open."""
    for path in paths:
        for parent in reversed(path.resolve().parents):
            if parent.exists() and not parent.stat().st_mode & stat.S_IXOTH:
                return parent
    return None


def _account_exists() -> bool:
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        return False
    return True


def _can_unshare() -> bool:
    if shutil.which(_UNSHARE[0]) is None:
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False, timeout=10).returncode == 0
