"""``python -m cluster_poller``."""

from cluster_poller.main import build
from cluster_poller.settings import Settings
from shared.runtime.service import run

if __name__ == "__main__":
    run(build(Settings()))
