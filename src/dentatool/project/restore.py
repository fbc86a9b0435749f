"""dentatool restore: the database as it was at a minute in an empty folder, or what one laboratory deleted since."""

import argparse
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from dentatool.operations.secrets import database_of
from dentatool.project.console import Failure, say
from dentatool.project.instance import start_django, this_instance
from dentatool.project.noted import note

if TYPE_CHECKING:
    from dentatool.operations.cluster import Cluster

_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


def arguments(parser: argparse.ArgumentParser) -> None:
    """With `--into` neither the running database nor the target is touched."""
    parser.add_argument("--to", metavar="ZEIT", help='deutsche Zeit, etwa "2026-11-25 10:02" (sonst das Neueste)')
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--into", type=Path, metavar="ORDNER", help="leerer oder neuer Ordner für die ganze Datenbank")
    where.add_argument(
        "--lab", type=UUID, action=_OneLaboratory, metavar="KENNUNG", help="nur, was dieses Labor seitdem gelöscht hat"
    )
    parser.add_argument(
        "--changed", action="store_true", help="mit --lab: auch zurücksetzen, was seitdem geändert wurde"
    )
    parser.add_argument("--yes", action="store_true", help="mit --lab: zurückholen statt nur zeigen")
    parser.add_argument(
        "--as-then",
        action="store_true",
        help="mit --into: auch Konten und Rechte wie damals (nur wenn das Spätere verloren ist)",
    )
    parser.add_argument("--identity", type=Path, required=True, metavar="DATEI", help="Ihre Schlüsseldatei")
    parser.add_argument(
        "--target", metavar="ZIEL", help="Ordner oder https://HOST/BUCKET/ORDNER (sonst DENTATOOL_BACKUP_TARGET)"
    )


class _OneLaboratory(argparse.Action):
    """Makes it the command `restore lab`, which changes something and is noted before it runs."""

    def __call__(self, parser: Any, options: argparse.Namespace, value: Any, flag: str | None = None) -> None:
        options.lab, options.action = value, "lab"


def call(options: argparse.Namespace) -> int:
    """0 only when what was asked for is back."""
    from dentatool.operations.backup import BackupError, in_words  # noqa: PLC0415
    from dentatool.operations.cluster import ClusterError  # noqa: PLC0415
    from dentatool.operations.cluster.places import UnsafePlace  # noqa: PLC0415

    to = None if options.to is None else _moment(options.to)
    try:
        return _laboratory(options, to) if options.lab else _everything(options, to)
    except (BackupError, ClusterError, UnsafePlace, OSError) as error:
        with suppress(Failure):  # a restore must also work where no database runs to note it
            note("restore_refused", {"what": in_words(error)[:200]})
        raise Failure(in_words(error)) from error


def _everything(options: argparse.Namespace, to: datetime | None) -> int:
    """What then lies in the folder can take the place of var/postgres (see the runbook)."""
    beside = None
    if to is not None and not options.as_then:
        from dentatool.operations.backup.setup import ENDED_SINCE  # noqa: PLC0415

        beside = (ENDED_SINCE, _what_holds(options, to))
    restored = _restored(options, to, options.into.absolute(), beside)
    try:
        older = _older_than_witnessed(restored, options)
    finally:
        restored.stop()
    with suppress(Failure):
        note("restore_done", {"until": "" if to is None else to.isoformat()})
    say(
        f"Wiederhergestellt in {restored.places.home}"
        + (f", Stand {to:%d.%m.%Y %H:%M:%S}" if to else ", neuester Stand")
    )
    for line in older:
        say(line)
    if beside is not None:
        say("Was seitdem endete (Konten, Rechte, Schlüssel von Programmen), endet beim nächsten Start darin wieder.")
    elif to is not None:
        say("! Konten und Rechte sind wie damals. Sperren Sie von Hand, wer heute nicht mehr hinein darf.")
    say("So geht es weiter: docs/runbooks/wiederherstellen.md")
    return 0


def _older_than_witnessed(restored: "Cluster", options: argparse.Namespace) -> list[str]:
    """What was told in var/witness or in the target and is not in the restored database: to be known before anybody works."""
    import psycopg  # noqa: PLC0415

    from dentatool.operations.backup import BackupError  # noqa: PLC0415
    from dentatool.operations.backup.sealing import read_identities  # noqa: PLC0415
    from dentatool.operations.backup.setup import setup_of  # noqa: PLC0415
    from dentatool.operations.backup.witnessed import older_than_told, told_here  # noqa: PLC0415
    from dentatool.operations.cluster.server import SUPERUSER  # noqa: PLC0415
    from dentatool.operations.secrets import superuser_password  # noqa: PLC0415
    from dentatool.operations.trails.heads import told_older  # noqa: PLC0415

    var = this_instance().var
    name = database_of(var)["name"]
    try:
        with psycopg.connect(restored.dsn(SUPERUSER, superuser_password(var), name), autocommit=True) as link:
            identities, _instance = read_identities(options.identity)
            setup = setup_of(var, options.target)
            return told_older(older_than_told(setup, link, identities, told_here(setup)))
    except (BackupError, psycopg.Error) as error:  # restored it is all the same
        return [f"! ACHTUNG: Ob diese Datenbank älter ist als bezeugt, war nicht zu prüfen: {str(error).strip()}"]


def _laboratory(options: argparse.Namespace, to: datetime | None) -> int:
    """Everything into a scratch server, and from there the missing rows into the living database."""
    if to is None:
        raise Failure("Sagen Sie mit --to, auf welche Zeit vor dem Löschen das Labor zurückgreifen soll.")
    start_django("worker")
    import psycopg  # noqa: PLC0415

    from dentatool.kit.jobs import all_laboratories  # noqa: PLC0415
    from dentatool.operations.backup.drilling import scratch  # noqa: PLC0415
    from dentatool.operations.backup.one_laboratory import bring_back, missing_rows, rows_changed  # noqa: PLC0415
    from dentatool.operations.backup.rows import german_name  # noqa: PLC0415
    from dentatool.operations.cluster.server import SUPERUSER  # noqa: PLC0415
    from dentatool.operations.secrets import superuser_password  # noqa: PLC0415

    if options.lab not in all_laboratories():
        raise Failure(f"Ein Labor {options.lab} gibt es nicht. Alle zeigt: dentatool tenant list")
    var = this_instance().var
    name = database_of(var)["name"]
    with scratch(var, "restore-lab") as folder:
        restored = _restored(options, to, folder)
        try:
            password = superuser_password(var)
            with psycopg.connect(restored.dsn(SUPERUSER, password, name), autocommit=True) as source:
                missing = missing_rows(source, options.lab)
                for table, ids in missing.items():
                    say(f"  {len(ids):6} {german_name(table)}")
                changed = rows_changed(source, options.lab)
                for table, ids in changed.items():
                    left = "wieder wie damals" if options.changed else "geändert, bleiben (zurück nur mit --changed)"
                    say(f"  {len(ids):6} {german_name(table)}: {left}")
                changed = changed if options.changed else {}
                if not missing and not changed:
                    say("Seitdem wurde nichts gelöscht.")
                elif options.yes:
                    count = bring_back(source, options.lab, missing, to, changed)
                    say(f"Zurückgeholt: {count} Zeilen. Alles andere blieb, wie es ist.")
                else:
                    say("Das wäre wieder wie damals. Zum Zurückholen dasselbe noch einmal mit --yes.")
        finally:
            restored.stop()
    return 0


def _what_holds(options: argparse.Namespace, to: datetime) -> str:
    """From the running database; where none runs, from the newest state in the target."""
    import psycopg  # noqa: PLC0415

    from dentatool.operations.backup import BackupError  # noqa: PLC0415
    from dentatool.operations.backup.drilling import scratch  # noqa: PLC0415
    from dentatool.operations.backup.since import what_holds  # noqa: PLC0415
    from dentatool.operations.cluster.server import SUPERUSER  # noqa: PLC0415
    from dentatool.operations.secrets import superuser_password  # noqa: PLC0415

    var = this_instance().var
    known = database_of(var)
    password, name = superuser_password(var), known["name"]
    try:
        with psycopg.connect(
            host=known["host"], port=known["port"], user=SUPERUSER, password=password, dbname=name, connect_timeout=5
        ) as living:
            return what_holds(living, to)
    except psycopg.OperationalError:
        say("Die Datenbank läuft nicht. Was seitdem endete, steht im neuesten Stand des Ziels:")
    try:
        with scratch(var, "restore-newest") as folder:
            newest = _restored(options, None, folder)
            try:
                with psycopg.connect(newest.dsn(SUPERUSER, password, name)) as source:
                    return what_holds(source, to)
            finally:
                newest.stop()
    except (BackupError, psycopg.Error) as error:
        raise BackupError(
            f"{error} Darum lässt sich nicht sagen, welche Konten seitdem gesperrt wurden. Ist das Spätere verloren, geht es mit"
            " --as-then: dann ist auch jeder Zugang wie damals."
        ) from error


def _restored(
    options: argparse.Namespace, to: datetime | None, into: Path, beside: tuple[str, str] | None = None
) -> "Cluster":
    from dentatool.operations.backup.restoring import Wanted, restore  # noqa: PLC0415
    from dentatool.operations.backup.sealing import read_identities  # noqa: PLC0415
    from dentatool.operations.backup.setup import setup_of  # noqa: PLC0415

    setup = setup_of(this_instance().var, options.target)
    setup.target.require()
    identities, instance = read_identities(options.identity)
    return restore(setup, Wanted(to), into, identities, instance=instance, beside=beside, tell=say)


def _moment(text: str) -> datetime:
    for form in _FORMS:
        with suppress(ValueError):
            return datetime.strptime(text.strip(), form).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    with suppress(ValueError):
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not None:
            return moment
    raise Failure(f'--to {text!r} ist keine Zeit. So sieht sie aus: --to "2026-11-25 10:02"')
