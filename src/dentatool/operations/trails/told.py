"""The doctor's sentences about the sealed trails."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from dentatool.operations.backup.memory import spoken
from dentatool.operations.environment import connect
from dentatool.operations.trails.heads import older_than_witnessed
from dentatool.operations.trails.memory import remembered
from dentatool.values.checkpoint import CheckpointError, TrailKey, name_of_trail, open_checkpoint

GOOD, WRONG = "gut", "fehler"
LATE = timedelta(minutes=5)  # each minute there is a round
SLACK, HALTED = timedelta(minutes=5), "angehalten"  # as audit/internal/sealer.py has them, which needs Django
NIGHT, ALL_WITHIN = timedelta(hours=26), timedelta(days=8)
_NAMED = 20

Told = tuple[str, str, str, str]  # what, status, found, mend


def told(var: Path, database: dict[str, Any]) -> Iterator[Told]:
    """Whether everything is sealed, when all was computed anew, and each trail that is not as it was sealed."""
    yield _sealing(var, database)
    yield from _checked(var)


def _sealing(var: Path, database: dict[str, Any]) -> Told:
    what = "Versiegelung"
    try:
        public = TrailKey.from_file(var / "secrets" / "trail.key").public
    except (OSError, ValueError):
        return what, WRONG, "Der Schlüssel secrets/trail.key fehlt oder ist keiner", "Spielen Sie die Sicherung ein."
    with connect(database, "backup") as backup:  # the only role that sees all laboratories
        older = older_than_witnessed(backup, var)
    if older:
        mend = "Wiederherstellung gewollt? dentatool audit resume. Sonst nichts ändern und klären, wer Zugriff hatte."
        named = " · ".join(str(each) for each in older[:_NAMED])
        return what, WRONG, f"die Datenbank ist älter als bezeugt oder ausgetauscht. {named}", mend
    with connect(database, "worker") as worker:
        rows = worker.execute(
            "select tree, clock_timestamp() - oldest from protection.door_unsealed_trails(%s)", [SLACK]
        ).fetchall()
    waiting: dict[UUID, timedelta] = dict(rows)
    if halted := _halted(database, public, list(waiting)):
        named = " · ".join(f"{name_of_trail(tree)}: {reason}" for tree, reason in list(halted.items())[:_NAMED])
        mend = "Ändern Sie nichts und klären Sie es: dentatool audit verify. Nach einer Wiederherstellung: audit resume"
        return what, WRONG, f"{len(halted)} Protokolle werden nicht mehr versiegelt. {named}", mend
    lag = max(waiting.values(), default=timedelta())
    if lag > LATE:
        found = f"in {len(waiting)} Protokollen warten Einträge, der älteste seit {spoken(lag)}"
        return what, WRONG, found, "Laufen die Hintergrundaufgaben? Sie versiegeln jede Minute: dentatool worker"
    sealed = _last_sealed(var / "witness")
    when = (
        f"der letzte Prüfpunkt ist von {sealed.astimezone():%d.%m.%Y, %H:%M} Uhr" if sealed else "noch kein Prüfpunkt"
    )
    return what, GOOD, f"kein Eintrag wartet länger als {spoken(LATE)}; {when}", ""


def _halted(database: dict[str, Any], public: bytes, trees: list[UUID]) -> dict[UUID, str]:
    """Trails with unsealed entries that were said to be broken after their last checkpoint, and why."""
    if not trees:
        return {}
    with connect(database, "backup") as backup:
        broken = backup.execute(
            "select distinct on (facts ->> 'record') facts ->> 'record', facts ->> 'reason', at"
            " from protection_platformevent where event = 'audit_chain_broken' and facts ->> 'kind' = %s"
            " and facts ->> 'record' = any(%s) order by 1, at desc",
            [HALTED, [str(tree) for tree in trees]],
        ).fetchall()
        halted = {}
        for name, reason, at in broken:
            note = backup.execute(
                "select signed from protection_checkpoint where lab_id = %s order by size desc limit 1", [name]
            ).fetchone()
            if note is None or _sealed_before(note[0], public, UUID(name), at):
                halted[UUID(name)] = reason
    return halted


def _sealed_before(note: str, public: bytes, tree: UUID, at: datetime) -> bool:
    try:
        return open_checkpoint(note, public, tree).at < at
    except CheckpointError:
        return True


def _last_sealed(witness: Path) -> datetime | None:
    """When the newest checkpoint was told outside of the database."""
    newest = max((file.stat().st_mtime for file in witness.glob("*.jsonl")), default=None)
    return None if newest is None else datetime.fromtimestamp(newest, UTC)


def _checked(var: Path) -> Iterator[Told]:
    what, mend, now = (
        "Prüfung der Protokolle",
        "dentatool audit nightly; laufen die Hintergrundaufgaben?",
        datetime.now(UTC),
    )
    memory = remembered(var)
    if memory.night is None:
        age = now - datetime.fromtimestamp((var / "secrets" / "trail.key").stat().st_mtime, UTC)
        if age > NIGHT:
            yield what, WRONG, "noch nie nachgerechnet", mend
        else:
            yield what, GOOD, "noch nicht nachgerechnet; das geschieht jede Nacht", ""
        return
    wrong, when = memory.wrong, f"{memory.night.astimezone():%d.%m.%Y um %H:%M} Uhr"
    oldest = memory.oldest or memory.night
    if now - memory.night > NIGHT:
        yield what, WRONG, f"zuletzt vor {spoken(now - memory.night)} nachgerechnet", mend
    elif now - oldest > ALL_WITHIN:
        found = f"ein Protokoll wurde seit {spoken(now - oldest)} nicht nachgerechnet: Die Nächte reichen nicht"
        yield what, WRONG, found, "dentatool audit verify am Wochenende; der Rechner ist zu langsam dafür"
    elif wrong:
        found = f"am {when} waren {len(wrong)} von {len(memory.trails)} nicht, wie sie versiegelt wurden"
        yield what, WRONG, found, "Ändern Sie nichts; siehe die genannten Protokolle."
    else:
        sealed = sum(each.sealed for each in memory.trails.values())
        yield what, GOOD, f"am {when} alle {len(memory.trails)} mit {sealed} Einträgen unverändert", ""
    for tree, each in list(wrong.items())[:_NAMED]:
        yield (
            f"Protokoll {tree}", WRONG, f"{name_of_trail(tree)}, erster falscher Eintrag: {each.wrong}",
            f"Datenbank und Ordner „witness“ sichern, Zugriffe klären: dentatool audit verify --lab {tree}",
        )  # fmt: skip
