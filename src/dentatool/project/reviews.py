"""dentatool reviews verify FILE: is the report of a review of accesses as it was signed?"""

import argparse
from pathlib import Path

from dentatool.project.console import Failure, say
from dentatool.project.instance import this_instance
from dentatool.values.signed_file import SignatureError, check_file, public_key_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Needs no database. With `--key` it also works where no installation is."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="verify|key")
    verify = actions.add_parser("verify", help="Unterschrift eines Berichts prüfen")
    verify.add_argument("file", type=Path, metavar="DATEI")
    verify.add_argument("--key", metavar="HEX", help="öffentlicher Schlüssel (sonst der dieser Installation)")
    actions.add_parser("key", help="öffentlichen Schlüssel dieser Installation zeigen")


def call(options: argparse.Namespace) -> int:
    """0 only if nothing was changed since the signature."""
    if options.action == "key":
        say(_own_key())
        return 0
    try:
        found = check_file(options.file.read_bytes(), options.key or _own_key())
    except OSError as error:
        raise Failure(f"{options.file}: Die Datei lässt sich nicht öffnen.") from error
    except SignatureError as reason:
        raise Failure(f"{options.file}: {reason}") from reason
    say(f"{options.file}: unverändert.")
    say(f"  SHA-256  {found.sha256}")
    for name, value in found.facts.items():
        say(f"  {name:<8} {value}")
    return 0


def _own_key() -> str:
    file = this_instance().var / "secrets" / "signing.key"
    if not file.exists():
        raise Failure("Hier ist kein Schlüssel. Geben Sie den öffentlichen Schlüssel mit --key an.")
    return public_key_of(file)
