"""dentatool backup …: backups of the embedded server, their check, and the drill of bringing them back."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from dentatool.operations.secrets import database_of
from dentatool.project.console import Failure, fail, say
from dentatool.project.instance import Instance, this_instance
from dentatool.project.noted import note

if TYPE_CHECKING:
    from dentatool.operations.backup.setup import Setup
    from dentatool.operations.cluster import Cluster
    from dentatool.operations.cluster.places import Places

_LOOK_S, _FIRST_LOOK_S, _AFTER_FAILURE_S = 60.0, 15.0, 300.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """One action each; `watch` and `nightly` are started by `dentatool run`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="AKTION")
    keygen = actions.add_parser("keygen", help="Schlüssel anlegen, mit dem sich Sicherungen öffnen lassen")
    keygen.add_argument("--out", type=Path, metavar="DATEI", help="neue Datei; danach an einen anderen Ort bringen")
    keygen.add_argument("--drill", action="store_true", help="stattdessen nächtliche Proben erlauben")
    create = actions.add_parser("create", help="Jetzt sichern, aufbauend auf der letzten Sicherung")
    create.add_argument("--full", action="store_true", help="voll statt aufbauend")
    actions.add_parser("status", help="Alter der letzten Sicherung, Prüfung und Probe").add_argument(
        "--json", action="store_true", help="für Programme"
    )
    actions.add_parser("list", help="Alle Sicherungen im Ziel")
    actions.add_parser("verify", help="Jedes Byte im Ziel prüfen; braucht keinen privaten Schlüssel")
    actions.add_parser("prune", help="Löschen, was keine Generation mehr braucht (7 Tage, 4 Wochen, 12 Monate)")
    drill = actions.add_parser("drill", help="Die neueste Sicherung probeweise einspielen und vergleichen")
    drill.add_argument(
        "--identity", type=Path, metavar="DATEI", help="Schlüsseldatei (sonst die der nächtlichen Probe)"
    )
    actions.add_parser("nightly", help="Sichern, aufräumen, prüfen, proben")
    actions.add_parser("watch", help="Protokollabschnitte laufend sichern (startet „dentatool run“ von selbst)")
    actions.add_parser("samples", help="Stichproben versiegelter Werte öffnen (Teil der Probe)")


def call(options: argparse.Namespace) -> int:
    """0 only if it did what it says and found nothing wrong."""
    from dentatool.operations.backup import BackupError, in_words  # noqa: PLC0415  (psycopg and age only when asked)

    try:
        return _ACTIONS[options.action](options)
    except (BackupError, OSError) as error:
        raise Failure(in_words(error)) from error


def _keygen(options: argparse.Namespace) -> int:
    from dentatool.operations.backup.chain import instance_of, signing_key  # noqa: PLC0415
    from dentatool.operations.backup.sealing import Keyring, write_identity  # noqa: PLC0415
    from dentatool.operations.backup.setup import is_in_target, memory_of  # noqa: PLC0415

    instance = this_instance()
    keyring = Keyring(memory_of(instance.var))
    if options.drill:
        keyring.allow_drills()
        note("crypt_key_event", {"kind": "backup drill", "result": "angelegt"})
        say(
            "Nächtliche Proben sind erlaubt. Ihr Schlüssel wird mit der nächsten vollen Sicherung wirksam und wechselt mit jeder."
        )
        return 0
    if options.out is None:
        raise Failure("Nennen Sie mit --out eine neue Datei, am besten gleich auf einem Datenträger zum Mitnehmen.")
    if instance.var in options.out.absolute().parents or is_in_target(options.out.absolute()):
        raise Failure(
            "Nicht in den Datenordner und nicht ins Sicherungsziel: Wer dort liest, soll nichts öffnen können."
        )
    instance_id = instance_of(signing_key(instance.var))
    recipient = write_identity(options.out, instance=instance_id, made_at=datetime.now(UTC))
    keyring.add_recipient(recipient)
    note("crypt_key_event", {"kind": "backup recipient", "what": recipient, "result": "angelegt"})
    say(f"Schlüssel angelegt: {options.out}")
    say(
        "Bringen Sie die Datei von diesem Rechner weg, zweimal und verschlossen, zusammen mit var/keys und var/secrets."
    )
    say("Ohne sie öffnet niemand Ihre Sicherungen. Sie gilt für alles, was ab jetzt gesichert wird.")
    return 0


def _create(options: argparse.Namespace) -> int:
    from dentatool.operations.backup.base import can_increment  # noqa: PLC0415
    from dentatool.operations.backup.chain import FULL, INCREMENTAL  # noqa: PLC0415

    setup, places = _here()
    with setup.one_at_a_time():
        _made(setup, places, FULL if options.full or not can_increment(setup) else INCREMENTAL)
    return 0


def _made(setup: "Setup", places: "Places", kind: str) -> None:
    from dentatool.operations.backup import BackupError  # noqa: PLC0415
    from dentatool.operations.backup.base import create  # noqa: PLC0415
    from dentatool.operations.backup.chain import FULL  # noqa: PLC0415
    from dentatool.operations.backup.memory import remember  # noqa: PLC0415
    from dentatool.operations.backup.witnessed import keep_heads  # noqa: PLC0415

    begun = time.monotonic()
    try:
        entry = create(setup, places, kind, _progress("gelesen"))
    except BackupError as reason:
        if kind == FULL:
            raise
        say(f"Aufbauend geht es nicht, darum voll. Der Grund: {str(reason).splitlines()[-1]}")
        kind = FULL
        entry = create(setup, places, kind, _progress("gelesen"))
    keep_heads(setup)
    seconds = time.monotonic() - begun
    remember(setup.var, "backup", kind=kind, number=entry.number, bytes=entry.size, seconds=round(seconds, 1))
    head = setup.chain.head
    note("backup_done", {"kind": kind, "count": head.number, "sha256": head.sha256, "bytes": entry.size})
    read = entry.facts["bytes"]
    say(
        f"Gesichert ({'voll' if kind == 'full' else 'aufbauend'}): {read / 1e6:.1f} MB in {seconds:.1f} s"
        f" ({read / 1e6 / seconds:.0f} MB/s), im Ziel {entry.size / 1e6:.1f} MB als {entry.file}"
    )


def _status(options: argparse.Namespace) -> int:
    from dentatool.operations.backup.memory import remembered, state  # noqa: PLC0415

    instance = this_instance()
    now = state(instance.var)
    if options.json:
        known: dict[str, Any] = {"ok": now.ok, "found": now.found, "mend": now.mend, **remembered(instance.var)}
        say(json.dumps(known, ensure_ascii=False, indent=2))
    else:
        say(f"Sicherungen: {now.found}" + (f"\n  → {now.mend}" if now.mend else ""))
    return 1 if now.ok is False else 0


def _list(options: argparse.Namespace) -> int:
    from dentatool.operations.backup.chain import BACKUPS, FULL  # noqa: PLC0415
    from dentatool.operations.backup.generations import BERLIN  # noqa: PLC0415
    from dentatool.operations.backup.memory import spoken  # noqa: PLC0415
    from dentatool.operations.backup.planning import spans  # noqa: PLC0415

    setup, _places = _here()
    entries = setup.chain.entries()
    for entry in entries:
        if entry.kind in BACKUPS:
            ended = datetime.fromisoformat(entry.facts["ended_at"]).astimezone(BERLIN)
            kind = "voll     " if entry.kind == FULL else "aufbauend"
            age = spoken(datetime.now(UTC) - ended)
            say(f"{ended:%d.%m.%Y %H:%M:%S}  vor {age:>8}  {kind}  {entry.size / 1e6:10.1f} MB  {entry.file}")
    say(f"{len(entries)} Dateien im Ziel, {sum(entry.size for entry in entries) / 1e6:.1f} MB")
    for line in spans(entries):
        say(line)
    return 0


def _verify(options: argparse.Namespace) -> int:
    setup, _places = _here()
    return _verified(setup)


def _verified(setup: "Setup") -> int:
    from dentatool.operations.backup.memory import remember  # noqa: PLC0415
    from dentatool.operations.backup.verifying import verify  # noqa: PLC0415

    seen = verify(setup.chain, _progress("von {} Dateien geprüft"))
    remember(setup.var, "verify", wrong=len(seen.wrong), files=seen.files, bytes=seen.bytes)
    if seen.wrong:
        for wrong in seen.wrong[:50]:
            say(f"  ✗ {wrong}")
        with suppress(Failure):  # the answer matters more than its note
            note("backup_verify_fail", {"count": len(seen.wrong), "what": str(seen.wrong[0])})
        return fail(f"{len(seen.wrong)} Dateien im Ziel sind nicht, wie sie geschrieben wurden.")
    if seen.files == 0:
        return fail("Im Ziel ist noch keine Sicherung.")
    say(f"{seen.files} Dateien, {seen.bytes / 1e6:.1f} MB: jedes Byte wie geschrieben, nichts fehlt.")
    if hint := setup.target.hint():
        say(f"Hinweis: {hint}")
    return 0


def _prune(options: argparse.Namespace) -> int:
    from dentatool.operations.backup.pruning import prune  # noqa: PLC0415

    setup, _places = _here()
    with setup.one_at_a_time():
        say(f"{prune(setup.chain, datetime.now(UTC))} Dateien gelöscht, die keine Generation mehr braucht.")
    return 0


def _drill(options: argparse.Namespace) -> int:
    from dentatool.operations.backup.sealing import read_identities  # noqa: PLC0415

    setup, places = _here()
    if options.identity is None:
        identities = setup.keyring.drill_identities()
        if not identities:
            raise Failure(
                "Nennen Sie Ihre Schlüsseldatei mit --identity, oder erlauben Sie Proben: dentatool backup keygen --drill"
            )
    else:
        identities, _instance = read_identities(options.identity)
    return _drilled(setup, places, identities)


def _drilled(setup: "Setup", places: "Places", identities: list[Any]) -> int:
    from dentatool.operations.backup.drilling import drill  # noqa: PLC0415
    from dentatool.operations.backup.memory import remember  # noqa: PLC0415

    known = database_of(setup.var)
    with setup.one_at_a_time():  # the scratch folder too is for one
        seen = drill(setup, places, known["name"], identities, _samples_of(setup.var, known), tell=say)
    remember(setup.var, "drill", passed=seen.passed, seconds=seen.seconds, tables=seen.tables, rows=seen.rows)
    outcome = {"count": seen.tables, "result": "bestanden" if seen.passed else "gescheitert"}
    note("backup_drill", outcome | ({"what": seen.wrong[0][:200]} if seen.wrong else {}))
    if not seen.passed:
        for wrong in seen.wrong[:50]:
            say(f"  ✗ {wrong}")
        return fail("Die Probe der Wiederherstellung ist gescheitert.")
    say(f"Probe bestanden in {seen.seconds} s: {seen.tables} Tabellen mit {seen.rows} Zeilen gleich, {seen.samples}")
    return 0


def _samples_of(var: Path, known: dict[str, Any]) -> "Callable[[Cluster], tuple[str, list[str]]]":
    """Opens sealed values in the restored database, in a process with this installation's keys and that server."""

    def open_samples(restored: "Cluster") -> tuple[str, list[str]]:
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copytree(var / "secrets", Path(scratch) / "secrets")
            elsewhere = {**known, "host": restored.host}
            (Path(scratch) / "secrets" / "database.json").write_text(json.dumps(elsewhere))
            root_key = os.environ.get("DENTATOOL_ROOT_KEY_FILE", str(var / "keys" / "root.key"))
            done = subprocess.run(
                [sys.executable, "-m", "dentatool.project.cli", "backup", "samples"],
                env={
                    **this_instance().environment("worker"),
                    "DENTATOOL_VAR": scratch,
                    "DENTATOOL_ROOT_KEY_FILE": root_key,
                },
                capture_output=True,
                text=True,
                check=False,
            )
        told = done.stdout.strip()
        return told, [] if done.returncode == 0 else [
            (done.stderr or told or "Stichproben nicht zu öffnen").strip()[-500:]
        ]

    return open_samples


def _samples(options: argparse.Namespace) -> int:
    from dentatool.project.instance import start_django  # noqa: PLC0415

    start_django("worker")
    from dentatool.operations.backup.samples import open_samples  # noqa: PLC0415

    laboratories, opened, wrong = open_samples()
    if wrong:
        return fail("; ".join(wrong))
    say(f"{opened} versiegelte Werte aus {laboratories} Laboren geöffnet")
    return 0


def _nightly(options: argparse.Namespace) -> int:
    """In this order: a failed check or drill must not keep the backup from being made."""
    from dentatool.operations.backup.base import can_increment  # noqa: PLC0415
    from dentatool.operations.backup.chain import FULL  # noqa: PLC0415
    from dentatool.operations.backup.generations import next_kind  # noqa: PLC0415
    from dentatool.operations.backup.pruning import prune  # noqa: PLC0415

    os.nice(10)
    setup, places = _here()
    with setup.one_at_a_time():
        now = datetime.now(UTC)
        kind = next_kind(setup.chain.entries(), now)
        if kind is not None:
            _made(setup, places, kind if can_increment(setup) else FULL)
        prune(setup.chain, now)
    code = _verified(setup)
    if setup.keyring.drills:
        code = _drilled(setup, places, setup.keyring.drill_identities()) or code
    return code


def _watch(options: argparse.Namespace) -> int:
    """Until SIGTERM; `dentatool run` sends it after the database has ended, so that nothing is left behind."""
    from dentatool.operations.backup.archive import Archiver  # noqa: PLC0415
    from dentatool.operations.backup.setup import setup_of  # noqa: PLC0415
    from dentatool.operations.cluster.places import settle  # noqa: PLC0415

    instance, stopping = this_instance(), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    setup = setup_of(instance.var)
    archiver = Archiver(settle(instance.var / "postgres"), setup.chain, setup.keyring)
    nightly = _Nightly(instance)
    try:
        archiver.watch(stopping, say, nightly.look)
    finally:
        nightly.stop()
    return 0


class _Nightly:
    """Starts `backup nightly` when it is due, one at a time, again after a failure."""

    def __init__(self, instance: Instance) -> None:
        self._instance, self._next = instance, time.monotonic() + _FIRST_LOOK_S
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Is it done, is it time?"""
        if self._process is not None:
            if self._process.poll() is None:
                return
            if self._process.returncode != 0:
                say("Sicherung: Nicht alles ist gelungen, siehe oben; „dentatool backup status“ sagt den Stand.")
                self._next = time.monotonic() + _AFTER_FAILURE_S
            self._process = None
        if time.monotonic() > self._next:
            self._next = time.monotonic() + _LOOK_S
            if self._is_due():
                self._start()

    def stop(self) -> None:
        """A backup that is cut off leaves nothing behind."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _is_due(self) -> bool:
        from dentatool.operations.backup.generations import last_night  # noqa: PLC0415
        from dentatool.operations.backup.memory import remembered  # noqa: PLC0415

        known = remembered(self._instance.var).get("backup")
        return known is None or datetime.fromisoformat(known["at"]) < last_night(datetime.now(UTC))

    def _start(self) -> None:
        from dentatool.operations.cluster.account import Account, becoming  # noqa: PLC0415

        self._process = subprocess.Popen(
            [sys.executable, "-m", "dentatool.project.cli", "backup", "nightly"],
            env=self._instance.environment("app"),
            stdin=subprocess.DEVNULL,
            preexec_fn=becoming(Account(os.geteuid(), os.getegid()), ends_with_us=signal.SIGTERM),
        )


def _here() -> "tuple[Setup, Places]":
    """This installation's backups and server, both usable."""
    from dentatool.operations.backup.setup import setup_of  # noqa: PLC0415
    from dentatool.operations.cluster.places import settle  # noqa: PLC0415

    instance = this_instance()
    file = instance.var / "secrets" / "database.json"
    if not file.exists():
        raise Failure("DentaTool ist noch nicht eingerichtet. Starten Sie zuerst: make run")
    setup = setup_of(instance.var)
    setup.target.require()
    if json.loads(file.read_text()).get("server") == "existing":
        raise Failure(
            "DentaTool sichert nur seine eingebettete Datenbank. Die aus DATABASE_URL sichern Sie mit den Mitteln Ihres"
            " Servers (etwa pgBackRest)."
        )
    return setup, settle(instance.var / "postgres")


def _progress(what: str) -> Callable[..., None]:
    """On a terminal only, at most five times a second: bytes read, or `done` of `total`."""
    shown = [0.0]

    def tell(done: int, total: int | None = None) -> None:
        if sys.stderr.isatty() and time.monotonic() - shown[0] > 0.2:
            shown[0] = time.monotonic()
            amount = f"{done / 1e6:.0f} MB {what}" if total is None else f"{done} {what.format(total)}"
            print(f"\r  {amount} …", end="\r", file=sys.stderr, flush=True)

    return tell


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "keygen": _keygen, "create": _create, "status": _status, "list": _list, "verify": _verify, "prune": _prune,
    "drill": _drill, "nightly": _nightly, "watch": _watch, "samples": _samples,
}  # fmt: skip
