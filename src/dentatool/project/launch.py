"""dentatool run: from nothing to a served page, and again in seconds."""

import argparse
import os
import shutil
import subprocess
import sys
import time

from dentatool.operations.cluster import ClusterError, Unfit
from dentatool.operations.cluster.places import UnsafePlace
from dentatool.operations.environment import NotFit, require_fit
from dentatool.project.console import Failure, say, step
from dentatool.project.database import Database
from dentatool.project.instance import Instance, this_instance
from dentatool.project.noted import note
from dentatool.project.preflight import check_disk, check_folder, check_port, hold_lock
from dentatool.project.serve import server_command
from dentatool.project.supervisor import Supervisor
from dentatool.protection.environment import Elsewhere

_ANSWER_S = 30.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--no-demo` for an installation that begins empty."""
    parser.add_argument("--no-demo", action="store_true", help="ohne Demolabore (in production immer)")
    parser.add_argument(
        "--set-up-only",
        action="store_true",
        help="nur einrichten oder aktualisieren, nichts bereitstellen; dann beenden",
    )
    parser.add_argument(
        "--adopt", action="store_true", help="Datenbank übernehmen, deren eigene Schlüssel verloren sind"
    )


def call(options: argparse.Namespace) -> int:
    """Set up what is missing, serve until Ctrl-C, stop everything in order."""
    begun = time.monotonic()
    instance = this_instance()
    check_folder(instance.var)
    with hold_lock(instance.var) as after_kill:
        check_disk(instance.var)
        if not options.set_up_only:
            check_port(instance.host, instance.port, after_kill=after_kill)
        try:
            with Supervisor(say) as supervisor:
                database = Database(instance, say, adopt=options.adopt)
                _set_up(instance, database, supervisor)
                if options.set_up_only:
                    return 0
                with_demo = not options.no_demo and instance.mode != "production"
                sign_ins = _serve(instance, supervisor, demo=with_demo)
                _announce(instance, database, sign_ins, time.monotonic() - begun)
                return supervisor.watch()
        except (ClusterError, Elsewhere, NotFit, Unfit, UnsafePlace, subprocess.SubprocessError, OSError) as error:
            raise Failure(str(error)) from error


def _set_up(instance: Instance, database: Database, supervisor: Supervisor) -> None:
    with step("Schlüssel und Datenbankserver"):
        made = database.prepare()
        if (
            database.is_backed_up
        ):  # before the database, hence ended after it: the last segment of an orderly end is kept
            supervisor.add_process("Sicherung", _command("backup", "watch"), instance.environment("app"))
        supervisor.add("Datenbank", database.start, database.stop, lambda: database.process)
    with step("Datenbankrollen und Härtung"):
        database.ensure_roles()
    with step("Tabellen, Mandantenschutz, Seitenbestandteile"):
        told = _dentatool(instance, "owner", "migrate")
        if made:
            note("crypt_key_event", {"kind": ", ".join(made), "result": "angelegt"})
    require_fit(instance.var, instance.mode, os.environ)
    for line in told.splitlines():
        if line.startswith("!"):
            say(f"  {line}")


def _serve(instance: Instance, supervisor: Supervisor, *, demo: bool) -> str:
    sign_ins = ""
    if demo:
        with step("Demolabore Anna und Bert"):
            sign_ins = _dentatool(instance, "app", "manage", "demo")
    with step("Webserver und Hintergrundaufgaben"):
        supervisor.add_process("Webserver", server_command(instance), instance.environment("app"))
        supervisor.add_process("Aufgaben", _command("worker"), instance.environment("worker"))
        supervisor.add_process("Überwachung", _command("monitor", "watch"), instance.environment("app"))
        _await_answer(instance, supervisor)
    note("sys_startup", {"command": "run", "result": "läuft"})
    return sign_ins


def _dentatool(instance: Instance, role: str, *command: str) -> str:
    done = subprocess.run(
        _command(*command),
        env=instance.environment(role),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failure(
            f"„dentatool {' '.join(command)}“ ist gescheitert:\n{(done.stderr or done.stdout).strip()[-4000:]}"
        )
    return done.stdout.strip("\n")


def _command(*command: str) -> list[str]:
    return [sys.executable, "-m", "dentatool.project.cli", *command]


def _await_answer(instance: Instance, supervisor: Supervisor) -> None:
    """The step is done when a page is served, not when a process was started."""
    import http.client  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    trust_self_signed = ssl.create_default_context()
    trust_self_signed.check_hostname = False
    trust_self_signed.verify_mode = ssl.CERT_NONE  # our own process on our own machine, just started
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(instance.host, instance.host)  # noqa: S104
    ending = time.monotonic() + _ANSWER_S
    while time.monotonic() < ending:
        supervisor.require_all_alive()
        try:
            connection = http.client.HTTPSConnection(host, instance.port, timeout=5, context=trust_self_signed)
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise Failure(f"Der Webserver antwortet nach {_ANSWER_S:.0f} s nicht auf {instance.address}readyz.")


def _announce(instance: Instance, database: Database, sign_ins: str, seconds: float) -> None:
    width = min(shutil.get_terminal_size().columns, 78)
    say("─" * width)
    say(f"DentaTool ist bereit nach {seconds:.1f} s:  {instance.address}")
    say("(Das Zertifikat ist selbst ausgestellt; der Browser fragt beim ersten Mal nach.)")
    if sign_ins:
        say(sign_ins)
    say(f"Beenden mit Strg-C. Die Daten bleiben {database.place}")
    say("─" * width)
