"""The one error that people see: what went wrong, and the way out."""


class Trouble(Exception):
    """Stops the command. The message is for the person at the terminal, so it names the cause and what to do."""

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(what if not way_out else f"{what}\n  {way_out}")
        self.what = what
        self.way_out = way_out
