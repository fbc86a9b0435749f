"""dentatool restore: the database as it was at a minute, in an empty folder, running beside the living one."""

import argparse
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dentatool.project.console import Failure, say
from dentatool.project.instance import this_instance
from dentatool.project.noted import note

_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Touches neither the running database nor the target."""
    parser.add_argument("--to", metavar="ZEIT", help='deutsche Zeit, etwa "2026-11-25 10:02" (sonst das Neueste)')
    parser.add_argument("--into", type=Path, required=True, metavar="ORDNER", help="leerer oder neuer Ordner")
    parser.add_argument("--identity", type=Path, required=True, metavar="DATEI", help="Ihre Schlüsseldatei")
    parser.add_argument("--target", type=Path, metavar="ORDNER", help="Sicherungsziel (sonst DENTATOOL_BACKUP_TARGET)")


def call(options: argparse.Namespace) -> int:
    """Restore, check, stop. What then lies in the folder can take the place of var/postgres (see the runbook)."""
    from dentatool.operations.backup import BackupError  # noqa: PLC0415
    from dentatool.operations.backup.restoring import Wanted, restore  # noqa: PLC0415
    from dentatool.operations.backup.sealing import read_identities  # noqa: PLC0415
    from dentatool.operations.backup.setup import setup_of  # noqa: PLC0415
    from dentatool.operations.cluster import ClusterError  # noqa: PLC0415
    from dentatool.operations.cluster.places import UnsafePlace  # noqa: PLC0415

    var = this_instance().var
    to = None if options.to is None else _moment(options.to)
    try:
        setup = setup_of(var, options.target)
        setup.target.require()
        identities, instance = read_identities(options.identity)
        restored = restore(setup, Wanted(to), options.into.absolute(), identities, instance=instance, tell=say)
    except (BackupError, ClusterError, UnsafePlace, OSError) as error:
        with suppress(Failure):  # a restore must also work where no database runs to note it
            note("restore_refused", {"what": str(error)[:200]})
        raise Failure(str(error)) from error
    restored.stop()
    with suppress(Failure):
        note("restore_done", {"until": "" if to is None else to.isoformat()})
    say(
        f"Wiederhergestellt in {restored.places.home}"
        + (f", Stand {to:%d.%m.%Y %H:%M:%S}" if to else ", neuester Stand")
    )
    say("So geht es weiter: docs/runbooks/wiederherstellen.md")
    return 0


def _moment(text: str) -> datetime:
    for form in _FORMS:
        with suppress(ValueError):
            return datetime.strptime(text.strip(), form).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    with suppress(ValueError):
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not None:
            return moment
    raise Failure(f'--to {text!r} ist keine Zeit. So sieht sie aus: --to "2026-11-25 10:02"')
