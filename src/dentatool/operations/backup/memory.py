"""What this machine remembers of its backups (var/backup/known.json): for the doctor and the status, target or not."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dentatool.operations.backup.sealing import DRILL
from dentatool.operations.backup.setup import is_pending, is_wanted, memory_of
from dentatool.operations.secrets import write_secret

OLDEST = timedelta(hours=26)
DRILLED_WITHIN = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class State:
    """One sentence about the backups. `ok` is None where it is a warning."""

    ok: bool | None
    found: str
    mend: str = ""


def remember(var: Path, what: str, **facts: Any) -> None:
    """That something was done now, with its outcome."""
    known = remembered(var)
    known[what] = {"at": datetime.now(UTC).isoformat(), **facts}
    write_secret(memory_of(var) / "known.json", json.dumps(known))


def remembered(var: Path) -> dict[str, dict[str, Any]]:
    """By name: `backup`, `verify`, `drill`. Empty before the first."""
    try:
        known: dict[str, dict[str, Any]] = json.loads((var / "backup" / "known.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return known


def age(var: Path, what: str) -> timedelta | None:
    """How long ago; None when never."""
    at = remembered(var).get(what, {}).get("at")
    return None if at is None else datetime.now(UTC) - datetime.fromisoformat(at)


def state(var: Path) -> State:
    """What counts is what was done and checked, not what was planned. "Could not say" is never good."""
    if is_pending(var / "postgres"):
        return State(
            False, "die Datenbank ist wiederhergestellt; was seitdem endete, gilt in ihr noch", "dentatool migrate"
        )
    if not is_wanted():
        return State(
            None, "keine eingerichtet", "DENTATOOL_BACKUP_TARGET setzen: siehe docs/runbooks/wiederherstellen.md"
        )
    known, made, checked, drilled = remembered(var), age(var, "backup"), age(var, "verify"), age(var, "drill")
    if made is None:
        return State(False, "noch keine fertig", "dentatool backup create")
    if made > OLDEST:
        return State(False, f"die letzte ist {spoken(made)} alt", "dentatool backup create; läuft „make run“?")
    if checked is None:
        return State(False, "noch nie geprüft", "dentatool backup verify")
    if known["verify"]["wrong"]:
        return State(False, f"{known['verify']['wrong']} Fehler bei der letzten Prüfung", "dentatool backup verify")
    if checked > OLDEST:
        return State(False, f"zuletzt vor {spoken(checked)} geprüft", "dentatool backup verify")
    if drilled is not None and not known["drill"]["passed"]:
        return State(False, "die letzte Probe der Wiederherstellung ist gescheitert", "dentatool backup drill")
    if drilled is not None and drilled > OLDEST and (var / "backup" / DRILL).exists():
        return State(
            False,
            f"die nächtliche Probe bleibt aus, zuletzt vor {spoken(drilled)}",
            "dentatool backup drill; läuft „make run“?",
        )
    told = f"die letzte ist {spoken(made)} alt, geprüft vor {spoken(checked)}"
    if drilled is None or drilled > DRILLED_WITHIN:
        when = "nie" if drilled is None else f"vor {spoken(drilled)}"
        return State(
            None, f"{told}; Wiederherstellung zuletzt {when} geprobt", "dentatool backup drill --identity DATEI"
        )
    return State(True, f"{told}, Wiederherstellung geprobt vor {spoken(drilled)}")


def spoken(span: timedelta) -> str:
    """3 Min., 5 Std., 2 Tage."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} Min."
    return f"{minutes // 60} Std." if minutes < 48 * 60 else f"{minutes // 1440} Tage"
