"""``python -m alerter``."""

from alerter.main import build
from alerter.settings import Settings
from shared.runtime.service import run

run(build(Settings()))
