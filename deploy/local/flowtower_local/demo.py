"""What `make demo` adds: the programs that deploy/demo describes, supervised like everything else."""

from flowtower_local.places import Places
from flowtower_local.settings import LocalSettings
from flowtower_local.tower import Line
from flowtower_local.trouble import Trouble


def add_programs(_places: Places, _settings: LocalSettings, _line: Line) -> None:
    raise Trouble("The demo is not in this version.")
