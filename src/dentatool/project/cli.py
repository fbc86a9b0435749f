"""The command `dentatool`. Each command imports its work when it is called: `xml check` starts at once."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from dentatool.project.console import Failure, fail
from dentatool.project.noted import do_noted, note_error

# name: (module, what it does). The module offers `arguments(parser)` and `call(options) -> exit code`.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("launch", "Alles einrichten, was fehlt, und DentaTool über TLS bereitstellen"),
    "serve": ("serve", "Nur den Webserver starten (die Datenbank läuft schon)"),
    "worker": ("work", "Nur die Hintergrundaufgaben ausführen"),
    "migrate": ("migrate", "Datenbank auf den Stand des Programms bringen und schützen"),
    "bench": ("bench", "Geschwindigkeit messen, mit allem Schutz, gegen SQL von Hand"),
    "tenant": ("tenant", "Labore anlegen und auflisten"),
    "keys": ("keys", "Schlüssel: Alter, neue Fassungen, Ende eines Labors"),
    "backup": ("backup", "Sichern, prüfen, Wiederherstellung proben"),
    "restore": ("restore", "Die Datenbank zu einer Minute in einem leeren Ordner wiederherstellen"),
    "prices": ("prices", "Preisdateien der KZVen einlesen"),
    "xml": ("xml", "Laborabrechnungsdaten prüfen (ohne Datenbank)"),
    "audit": ("audit", "Versiegelte Protokolle prüfen, Ereignisse der Plattform lesen"),
    "reviews": ("reviews", "Zugänge des Betreibers prüfen; Berichte von Zugangsprüfungen prüfen"),
    "doctor": ("diagnose", "Prüfen, was an dieser Installation nicht stimmt und wie es zu beheben ist"),
    "monitor": ("monitor", "Störungen sehen und melden"),
    "updates": ("updates", "Installiertes auflisten und mit bekannten Sicherheitslücken vergleichen"),
    "manage": ("manage", "Ein Django-Kommando ausführen, etwa: dentatool manage check"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. The exit code is 0 only if it did what it says."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="dentatool",
        description="DentaTool: Plattform für Dentallabore.",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", metavar="KOMMANDO", required=True)
    for name, (module, what) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=what, description=what, add_help=name != "manage")
        if given[:1] == [name]:
            import_module(f"dentatool.project.{module}").arguments(subparser)
    options, rest = parser.parse_known_args(given)
    if options.command == "manage":
        options.rest = given[1:]
    elif rest:
        parser.error(f"unbekannte Angabe: {' '.join(rest)}")
    try:
        command = import_module(f"dentatool.project.{COMMANDS[options.command][0]}")
        code = do_noted(options, given, lambda: int(command.call(options)))
    except Failure as failure:
        return fail(str(failure))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if _is_database_away(error):
            return fail("Die Datenbank antwortet nicht. Läuft DentaTool? „dentatool doctor“ sagt, was fehlt.")
        note_error(error, options.command)
        raise
    return code


def _is_database_away(error: Exception) -> bool:
    """Nobody answered, or the server is ending. psycopg's error or Django's, by its name: no driver is loaded for it."""
    state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) or "08"
    return type(error).__name__ == "OperationalError" and state[:2] in ("08", "57")


if __name__ == "__main__":
    sys.exit(main())
