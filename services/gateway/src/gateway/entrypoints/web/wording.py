"""Figures and times as people read them; pure. Each is a filter of the templates."""

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def took(seconds: float | None) -> str:
    """A duration: ``0.04 s``, ``32.1 s``, ``1 min 08 s``, ``43 min``, ``2 h 05 min``, ``3 d 4 h``; a dash when not known."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{max(seconds, 0):.2f} s"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 10 * _MINUTE:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def span(seconds: float) -> str:
    """A rough stretch of time in one unit: ``4 s``, ``14 min``, ``3 h``, ``5 d``."""
    seconds = max(seconds, 0)
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} d"


def age(at: datetime | None, now: datetime) -> str:
    """How old: ``4 s ago``; ``never`` when it was not observed."""
    return "never" if at is None else f"{span((now - at).total_seconds())} ago"


def until(at: datetime, now: datetime) -> str:
    """How far ahead: ``in 41 min``; what is due already is ``due now``."""
    seconds = (at - now).total_seconds()
    return f"in {span(seconds)}" if seconds >= 1 else "due now"


def count(value: float | None) -> str:
    """A figure with thousands set off: ``120,000``; a dash when not counted."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:,.1f}"


def share(value: float | None) -> str:
    """A share of one as per cent: ``98.2 %``."""
    if value is None:
        return "–"
    per_cent = value * 100
    return "100 %" if per_cent == 100 else f"{min(per_cent, 99.9):.1f} %"


def size(value: int | None) -> str:
    """Bytes in the unit that fits: ``12.4 MB``."""
    if value is None:
        return "–"
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def clock(at: datetime | None) -> str:
    """The time of day in UTC, as the server knows no other; the page turns it into the reader's own."""
    return "–" if at is None else at.astimezone(UTC).strftime("%H:%M:%S")


def moment(at: datetime | None) -> str:
    """Day and time in UTC."""
    return "–" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plural(number: int, one: str, many: str = "") -> str:
    """``1 DAG``, ``3 DAGs``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def points(values: tuple[float | None, ...], width: float = 48, height: float = 18) -> tuple[str, str]:
    """A sparkline's two paths (line, area) in a box of ``width`` × ``height``; a gap in the data stays a gap."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return "", ""
    low, high = min(known), max(known)
    reach = (high - low) or 1
    step = width / (len(values) - 1)
    line, area, pen_down, begin = "", "", False, 0.0
    for place, value in enumerate(values):
        x = round(place * step, 1)
        if value is None:
            if pen_down:
                area += f"V{height}H{begin}Z"
            pen_down = False
            continue
        y = round(height - 2 - (value - low) / reach * (height - 5), 1)
        if not pen_down:
            begin = x
        line += f"{'L' if pen_down else 'M'}{x} {y}"
        area += f"L{x} {y}" if pen_down else f"M{x} {height}V{y}"
        pen_down = True
        last = x
    if pen_down:
        area += f"L{last} {height}Z"
    return line, area
