"""``python -m executor``."""

from executor.main import build
from executor.settings import Settings
from shared.runtime.service import run

if __name__ == "__main__":
    run(build(Settings()))
