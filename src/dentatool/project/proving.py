"""Proofs from a sealed trail: handed out from the database, and checked anywhere without one."""

import argparse
from pathlib import Path
from uuid import UUID

from dentatool.project.auditing import own_key, tree_named
from dentatool.project.console import Failure, printable, say
from dentatool.project.instance import start_django
from dentatool.values.checkpoint import CheckpointError, name_of_trail, open_checkpoint
from dentatool.values.trail_proof import ProofError, Proven, check_proof, key_inside, lab_inside

ONLY_ITS_OWN_KEY = 2  # exit code: all fits together, but whose it is was not compared with anything


def arguments(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`prove` is noted like every command that hands something out; `verify-proof` reads a file."""
    prove = actions.add_parser(
        "prove", help="Nachweis eines Eintrags, oder dass nichts vor einem Prüfpunkt geändert ist"
    )
    prove.add_argument("--lab", required=True, metavar="KENNUNG", help="welches Labor („platform“: die Plattform)")
    prove.add_argument("--entry", metavar="KENNUNG", help="der Eintrag")
    prove.add_argument("--from", dest="earlier", type=Path, metavar="DATEI", help="früherer Prüfpunkt")
    prove.add_argument("--out", required=True, type=Path, metavar="DATEI", help="neue Datei für den Nachweis")
    proof = actions.add_parser("verify-proof", help="Nachweis prüfen (ohne Datenbank)")
    proof.add_argument("file", type=Path, metavar="DATEI")
    proof.add_argument(
        "--key", metavar="HEX|DATEI", help="öffentlicher Schlüssel, oder ein früher geholter Prüfpunkt desselben Labors"
    )


def prove(options: argparse.Namespace) -> int:
    """Write the proof into a new file; it was checked before."""
    if options.entry is None and options.earlier is None:
        raise Failure("Nennen Sie mit --entry einen Eintrag oder mit --from einen früheren Prüfpunkt.")
    tree = tree_named(options.lab)
    try:
        entry = UUID(options.entry) if options.entry is not None else None
    except ValueError as error:
        raise Failure(f"„{options.entry}“ ist keine Kennung eines Eintrags.") from error
    earlier = _text_of(options.earlier).strip() + "\n" if options.earlier is not None else None
    if options.out.exists():
        raise Failure(f"{options.out} gibt es schon. Nennen Sie eine neue Datei.")
    start_django("owner")
    from dentatool.protection.audit import record_event  # noqa: PLC0415
    from dentatool.protection.audit.proving import NotSealed, Unproven, proof_of  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    try:
        with laboratory(tree):
            text = proof_of(entry, earlier=earlier)
            if tree.int:  # the platform's own events note the command itself
                record_event("trail.proof_fetched", record=options.entry or "")
    except NotSealed as reason:
        raise Failure(str(reason)) from reason
    except Unproven as reason:
        raise Failure(
            f"{reason} Ein Nachweis ist nicht möglich: dentatool audit verify --lab {options.lab}"
        ) from reason
    try:
        with options.out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"{options.out} lässt sich nicht schreiben: {error.strerror}") from error
    say(
        f"Nachweis geschrieben: {options.out}. Prüfen: dentatool audit verify-proof {options.out} --key {own_key().hex()}"
    )
    return 0


def verify_proof(options: argparse.Namespace) -> int:
    """0 only if the key is one that was known before."""
    text = _text_of(options.file)
    try:
        public, is_pinned = _key_for(text, options.key)
        proven = check_proof(text, public)
    except ProofError as reason:
        raise Failure(f"{options.file}: {reason}") from reason
    _tell(options.file, proven)
    if is_pinned:
        return 0
    say("")
    say(
        "! ACHTUNG: Geprüft wurde nur mit dem Schlüssel, der in der Datei selbst steht. Wer sie gefälscht hat, hat auch ihn"
    )
    say(
        "! hineingeschrieben. Vergleichen Sie ihn mit dem, den Sie früher bekommen haben (--key), oder nennen Sie einen"
    )
    say(f"! früher heruntergeladenen Prüfpunkt (--key DATEI). In der Datei steht: {public.hex()}")
    return ONLY_ITS_OWN_KEY


def _key_for(text: str, given: str | None) -> tuple[bytes, bool]:
    """The key to judge by, and whether it was known before."""
    inside = key_inside(text)
    if given is None:
        try:
            return own_key(), True  # on the server itself
        except Failure:
            return inside, False
    try:
        return bytes.fromhex(given), True
    except ValueError:
        kept = _text_of(Path(given))
    try:
        return bytes.fromhex(kept.strip()), True
    except ValueError:
        pass
    try:
        open_checkpoint(
            kept.strip() + "\n", inside, lab_inside(text)
        )  # an earlier checkpoint that this very key signed
    except CheckpointError as reason:
        raise Failure(f"Mit {given} ist der Nachweis nicht zu prüfen: {reason}") from reason
    return inside, True


def _tell(file: Path, proven: Proven) -> None:
    say(f"{file}: Der Nachweis stimmt.")
    say(f"  Protokoll   {name_of_trail(proven.checkpoint.tree)}")
    say(f"  Prüfpunkt   {proven.checkpoint.at.astimezone():%d.%m.%Y %H:%M:%S} mit {proven.checkpoint.size} Einträgen")
    if proven.entry is not None:
        say(
            f"  Eintrag     Nr. {proven.entry.seq} vom {proven.entry.day}, {printable(proven.entry.what)}, {proven.entry.id}"
        )
        say(
            f"  Inhalt      {printable(proven.entry.text) if proven.entry.text else 'abgelaufen; nur die Prüfsumme ist übrig'}"
        )
    if proven.earlier is not None:
        say(
            f"  Davor       Seit dem Prüfpunkt vom {proven.earlier.at.astimezone():%d.%m.%Y %H:%M:%S} mit"
            f" {proven.earlier.size} Einträgen kam nur etwas hinzu."
        )


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"{file}: Die Datei lässt sich nicht öffnen.") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{file}: Das ist kein Text.") from error
