"""dentatool serve: the web server alone, in the app's database role, over TLS only."""

import argparse
import os
import sys

from dentatool.operations.backup.setup import is_pending
from dentatool.operations.certificate import ensure_certificate
from dentatool.operations.environment import NotFit, require_fit
from dentatool.project.console import Failure, say
from dentatool.project.front import STALLED_S, WAITING_THREADS
from dentatool.project.instance import Instance, start_django, this_instance


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options: the environment decides (README, table of variables)."""


def call(options: argparse.Namespace) -> int:
    """Become the web server. Does not return."""
    instance = this_instance()
    if not (instance.var / "secrets" / "database.json").exists():
        raise Failure("DentaTool ist noch nicht eingerichtet. Starten Sie zuerst: make run")
    require_fit_or_fail(instance)
    _require_sound_database()
    tell_of_key_service()
    command = server_command(instance)
    os.execve(command[0], command, instance.environment("app"))  # noqa: S606 - our own interpreter


def require_fit_or_fail(instance: Instance) -> None:
    """The environment first: nothing of another one is touched. Nor is a restored database served too early."""
    if is_pending(instance.var / "postgres"):
        raise Failure(
            "Diese Datenbank ist wiederhergestellt, und was seitdem endete (gesperrte Konten, Zugangsschlüssel), gilt in ihr"
            " noch. Zuerst: dentatool migrate"
        )
    try:
        require_fit(instance.var, instance.mode, os.environ)
    except NotFit as unfit:
        raise Failure(str(unfit)) from unfit


def _require_sound_database() -> None:
    """`run` has just migrated and looked; who starts the web server alone has not."""
    start_django("app")
    import psycopg  # noqa: PLC0415

    from dentatool.protection.founding import connect_as_owner  # noqa: PLC0415
    from dentatool.protection.tenancy import DatabaseChanged, require_sound_database  # noqa: PLC0415

    try:
        with connect_as_owner() as owner, owner.cursor() as cursor:
            require_sound_database(cursor)
    except DatabaseChanged as changed:
        raise Failure(str(changed)) from changed
    except psycopg.OperationalError as error:
        raise Failure(f"Die Datenbank ist nicht erreichbar: {error}") from error


def tell_of_key_service() -> None:
    """A wrong setting ends the start; a service that is away only for now is told of, and pages say so."""
    from dentatool.protection.key_status import RootKeyError, fault_of_key_service  # noqa: PLC0415  (needs Django)

    try:
        fault = fault_of_key_service()
    except RootKeyError as wrong:
        raise Failure(f"DENTATOOL_KMS: {wrong}") from wrong
    if fault:
        say(f"! {fault} Bis er antwortet, bleiben geschützte Angaben verschlossen.")


def server_command(instance: Instance) -> list[str]:
    """granian with TLS 1.2 or newer, HTTP/1.1 and 2. WSGI: half of ASGI's cost with Django's ORM."""
    certificate, key = ensure_certificate(instance.var)
    options = {
        "--interface": "wsgi",
        "--host": instance.host,
        "--port": str(instance.port),
        # The kernel deals connections out by chance: with as many processes as cores, two busy ones often share one.
        "--workers": os.environ.get("DENTATOOL_WORKERS") or str(min(12, 2 * (os.cpu_count() or 1))),
        # They wait for bodies; how many work at once, and on the database, DENTATOOL_THREADS says (wsgi.py).
        "--blocking-threads": str(WAITING_THREADS),
        "--backlog": "512",
        "--http": "auto",
        "--ssl-certificate": str(certificate),
        "--ssl-keyfile": str(key),
        "--ssl-protocol-min": "tls1.2",
        "--log-level": "error",
        "--workers-kill-timeout": "6",
        "--respawn-interval": "0.5",
        # A client may take 10 s for its head and send 64 KB of it; the defaults are 30 s and 16 MB.
        "--http1-header-read-timeout": str(int(1000 * min(10.0, STALLED_S))),
        "--http2-max-headers-size": "65536",
    }
    flags = ("--no-ws", "--no-access-log", "--respawn-failed-workers")
    spelled = (part for option in options.items() for part in option)
    return [sys.executable, "-m", "granian", *spelled, *flags, "dentatool.project.wsgi:application"]
