"""dentatool migrate: schema, then protection of every table (hooked to Django's migrate itself)."""

import argparse
from contextlib import suppress

from dentatool.project.console import Failure, say
from dentatool.project.instance import Instance, start_django, this_instance
from dentatool.project.serve import tell_of_key_service

_NAMED = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options: there is one way to be up to date."""


def call(options: argparse.Namespace) -> int:
    """Bring the database up to date in the owner's role, and collect the static files."""
    start_django("owner")
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from dentatool.protection.environment import Elsewhere, belonging  # noqa: PLC0415
    from dentatool.protection.tenancy import DatabaseChanged  # noqa: PLC0415

    instance = this_instance()
    try:
        with connection.cursor() as cursor:
            belonging(instance.mode, instance.var / "secrets" / "signing.key").require(cursor)
    except Elsewhere as elsewhere:
        raise Failure(str(elsewhere)) from elsewhere
    mended, before = _what_will_be_mended(), _applied()
    try:
        call_command("migrate", interactive=False, verbosity=1)
    except DatabaseChanged as changed:
        raise Failure(str(changed)) from changed
    finally:
        _note(_applied() - before)
    _tell(mended)
    _tell_if_older_than_witnessed(instance)
    _end_again()
    tell_of_key_service()
    call_command("collectstatic", interactive=False, verbosity=0)
    return 0


def _end_again() -> None:
    """What was destroyed for good stays so, also in a database that was restored from before that."""
    from dentatool.protection.shredding import apply_again  # noqa: PLC0415

    for lab_id in apply_again():
        say(f"! Die Schlüssel des Labors {lab_id} wurden vernichtet; es ist wieder geschlossen.")
    from dentatool.operations.backup.ending_again import end_again  # noqa: PLC0415

    if ended := end_again(this_instance().var / "postgres", lambda told: say(f"! {told}")):
        say(f"! Nach der Wiederherstellung wieder beendet: {ended} Zugänge, Sitzungen und Links, die seitdem endeten.")


def _tell_if_older_than_witnessed(instance: Instance) -> None:
    """After a restore, or when somebody exchanged the database: to be known before anybody works in it."""
    from dentatool.operations.environment import connect  # noqa: PLC0415
    from dentatool.operations.secrets import database_of  # noqa: PLC0415
    from dentatool.operations.trails.heads import older_than_witnessed, told_older  # noqa: PLC0415

    with connect(database_of(instance.var), "backup") as backup:
        for line in told_older(older_than_witnessed(backup, instance.var)):
            say(line)


def _applied() -> set[str]:
    """The migrations that this database has had."""
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.recorder import MigrationRecorder  # noqa: PLC0415

    return {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()}


def _note(new: set[str]) -> None:
    """Each migration by its name, also of a run that ended half-way."""
    from django.db import ProgrammingError  # noqa: PLC0415

    from dentatool.protection.audit import record_platform_event  # noqa: PLC0415

    # The very first run makes the place to note in at its end; ended half-way, it leaves nothing to protect.
    with suppress(ProgrammingError):
        if new:
            record_platform_event("sys_admin", command="migrate", what=sorted(new), count=len(new))


def _what_will_be_mended() -> list[str]:
    """What someone weakened since the last start. Nothing on an empty database or one that needs migrations."""
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    from dentatool.protection.tenancy import inspect_database  # noqa: PLC0415

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return []
    with connection.cursor() as cursor:
        return [str(deviation) for deviation in inspect_database(cursor)]


def _tell(mended: list[str]) -> None:
    """Mending in silence would hide a deed. On the terminal, and for good among the platform's events."""
    if not mended:
        return
    from dentatool.protection.audit import record_platform_event  # noqa: PLC0415

    record_platform_event("shield_restored", what=mended[:_NAMED], count=len(mended))
    say(f"! Der Schutz in der Datenbank wich an {len(mended)} Stellen vom Programm ab und ist wiederhergestellt:")
    for line in mended[:_NAMED]:
        say(f"!   {line}")
    say("! Nach einer neuen Programmfassung ist das in Ordnung. Sonst klären Sie, wer das geändert hat.")
