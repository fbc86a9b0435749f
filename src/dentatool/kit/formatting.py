"""Values as Germans read them, by plain functions, since lists call them for every cell."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_BERLIN = ZoneInfo("Europe/Berlin")
NOTHING = "–"


def day(value: date | datetime | str | None) -> str:
    """`23.11.2026`; a moment gives its day in Germany."""
    if not value or isinstance(value, str):  # a sealed day that cannot be opened says so itself
        return value or NOTHING
    if isinstance(value, datetime):
        value = _local(value)
    return f"{value.day:02d}.{value.month:02d}.{value.year:04d}"


def short_day(value: date | None) -> str:
    """`Mo 23.11.`, for columns where the year is plain."""
    if not value:
        return NOTHING
    return f"{('Mo', 'Di', 'Mi', 'Do', 'Fr', 'Sa', 'So')[value.weekday()]} {value.day:02d}.{value.month:02d}."


def moment(value: datetime | None) -> str:
    """`23.11.2026, 09:05` in German time."""
    if not value:
        return NOTHING
    local = _local(value)
    return f"{local.day:02d}.{local.month:02d}.{local.year:04d}, {local.hour:02d}:{local.minute:02d}"


def since(value: datetime, now: datetime) -> str:
    """`heute 08:12`, `gestern 08:12`, otherwise `23.11.2026, 08:12`."""
    local, today = _local(value), _local(now).date()
    near = {0: "heute", 1: "gestern"}.get((today - local.date()).days)
    return f"{near} {local.hour:02d}:{local.minute:02d}" if near else moment(value)


def _local(value: datetime) -> datetime:
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(_BERLIN)
