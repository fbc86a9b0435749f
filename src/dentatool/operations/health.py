"""Is the process alive, is it ready, whom to tell about a weakness. No laboratory's data."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from dentatool.kit.jobs import is_worker_alive
from dentatool.protection.access import PUBLIC, page
from dentatool.protection.key_status import RootKeyError, check_root_key

PROBLEM_WORDS = {True: "bereit", False: "gestört"}


@page(PUBLIC, asks_who=False)
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """/healthz: the process answers. Touches nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@page(PUBLIC, asks_who=False)
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """/readyz: database, migrations and keys are there; else 503 and which of them is not.

    The worker is told of, but its absence is no 503: pages are served without it, and a load balancer that believed
    otherwise would turn a small fault into an outage.
    """
    needed = {"datenbank": database_answers(), "migrationen": _migrated(), "schluessel": _keys_there()}
    facts = {name: PROBLEM_WORDS[holds] for name, holds in (needed | {"aufgaben": is_worker_alive()}).items()}
    return JsonResponse(facts, status=200 if all(needed.values()) else 503)


@page(PUBLIC)
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """RFC 9116. Contact comes from DENTATOOL_SECURITY_CONTACT."""
    if not (contact := settings.DENTATOOL_SECURITY_CONTACT):
        return HttpResponse("", status=404, content_type="text/plain")
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=180)
    lines = [f"Contact: {contact}", f"Expires: {expires.isoformat()}", "Preferred-Languages: de, en"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


def database_answers() -> bool:
    """A connection that was lost since the last question says nothing about the database: asked again on a new one."""
    return _one() or _one()


def _one() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        connection.close()
        return False
    return True


def _migrated() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return False


def _keys_there() -> bool:
    try:
        check_root_key()
    except RootKeyError:
        return False
    return True
