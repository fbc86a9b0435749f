"""Whether the installation is up to date, in one sentence: for the doctor, the watch and `updates status`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dentatool.operations.updates.checking import SOURCES, sources
from dentatool.operations.updates.holes import Hole, utc_now
from dentatool.operations.updates.installed import fingerprint, installed, server_version
from dentatool.operations.updates.lock import lock
from dentatool.operations.updates.memory import Known, Memory

GOOD, WARNING, WRONG = "gut", "warnung", "fehler"
OLDEST_DATA = timedelta(days=7)
OLDEST_LOCK = timedelta(days=60)
_AGAIN = "dentatool updates check"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Told:
    """In the order of a finding of the doctor."""

    status: str
    found: str
    mend: str = ""


def told(var: Path, server: int, *, production: bool, now: datetime | None = None) -> tuple[str, str, str]:
    """Status, what was found, what to do. `server`: PostgreSQL's version number. Green is only what was compared."""
    known, at = Memory(var).known(), now or utc_now()
    if known is None and not production and not sources():
        return GOOD, "werden beim Entwickeln nicht verglichen; von Hand: dentatool updates check --advisories DATEI", ""
    components = installed(server_version(server))
    answer = _worthless(known, fingerprint(components), at) or _open(known, at)
    if answer.status == WRONG or not production:
        return answer.status, answer.found, answer.mend
    locked = lock()
    others = locked.deviations(components) if locked else []
    if others:
        found = f"anders installiert als festgeschrieben: {', '.join(others[:_NAMED])}"
        return WRONG, found, "python3 bootstrap.py run"
    if locked is None or locked.changed is None:
        found = f"{answer.found}; Alter der festgeschriebenen Fassungen unbekannt"
        return (
            WARNING,
            found,
            answer.mend or "Aus einem vollständigen Klon installieren: docs/runbooks/aktualisieren.md",
        )
    if at - locked.changed > OLDEST_LOCK:
        found = f"{answer.found}; die Fassungen wurden zuletzt am {locked.changed.astimezone():%d.%m.%Y} erneuert"
        return WARNING, found, answer.mend or "docs/runbooks/aktualisieren.md"
    return answer.status, answer.found, answer.mend


def _worthless(known: Known | None, now_installed: str, now: datetime) -> Told | None:
    """Why what is known does not hold: never compared, failed, another set, too old."""
    if known is None:
        return Told(WRONG, "noch nie verglichen", _AGAIN if sources() else f"{SOURCES} setzen; siehe README")
    if known.failed:
        return Told(WRONG, f"der letzte Vergleich ist gescheitert: {known.failed}", _AGAIN)
    if known.fingerprint != now_installed:
        return Told(WRONG, "seit dem letzten Vergleich ist anderes installiert", _AGAIN)
    newest = {name: data.newest for name, data in known.data.items() if now - data.newest > OLDEST_DATA}
    old = [f"{name} vom {moment.astimezone():%d.%m.%Y}" for name, moment in newest.items()]
    if old:
        return Told(WRONG, f"die Meldungen sind älter als 7 Tage: {', '.join(old)}", "Neuere besorgen, dann: " + _AGAIN)
    return None


def _open(known: Known | None, now: datetime) -> Told:
    assert known is not None and known.checked is not None  # else it was worthless
    left = still_to_close(known, now)
    late = [hole for hole in left if hole.due <= now]
    if late:
        return Told(WRONG, f"Frist überschritten: {_named(late)}", "docs/runbooks/aktualisieren.md")
    put_off = len(known.holes) - len(left)
    beside = f"; {put_off} aufgeschoben" if put_off else ""
    if left:
        soonest = min(hole.due for hole in left)
        found = f"{_named(left)}; zu schließen bis {soonest.astimezone():%d.%m.%Y, %H:%M} Uhr{beside}"
        return Told(WARNING, found, "docs/runbooks/aktualisieren.md")
    return Told(GOOD, f"keine offene Lücke bekannt, verglichen am {known.checked.astimezone():%d.%m.%Y}{beside}")


def still_to_close(known: Known, now: datetime) -> list[Hole]:
    """Open and not put off, the most urgent first."""
    left = [hole for hole in known.holes if not any(each.covers(hole, now) for each in known.accepted)]
    return sorted(left, key=lambda hole: hole.due)


def _named(holes: list[Hole]) -> str:
    few = ", ".join(f"{hole.name} in {hole.component} {hole.version} ({hole.severity})" for hole in holes[:_NAMED])
    return few + (f" und {len(holes) - _NAMED} weitere" if len(holes) > _NAMED else "")
