"""``python -m executor``."""

import gc

gc.disable()  # what is imported stays: looking through it again and again takes a sixth of the start

from executor.main import build  # noqa: E402
from executor.settings import Settings  # noqa: E402
from shared.runtime.service import run  # noqa: E402

gc.enable()

if __name__ == "__main__":
    run(build(Settings()))
