"""What is wrong with an installation and how to mend it. Every finding is looked up now, from the real thing."""

import os
import shutil
import smtplib
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from dentatool.kit.post_office import PostOfficeError, own_post_office
from dentatool.operations import admin_review
from dentatool.operations.administrators import accesses_of
from dentatool.operations.backup.backlog import backlog_state
from dentatool.operations.backup.memory import state
from dentatool.operations.backup.setup import is_wanted
from dentatool.operations.certificate import days_left
from dentatool.operations.cluster.hardening import what_is_open
from dentatool.operations.environment import connect, why_not, why_not_ours
from dentatool.operations.finding import GOOD as GOOD
from dentatool.operations.finding import WARNING as WARNING
from dentatool.operations.finding import WRONG as WRONG
from dentatool.operations.finding import Finding as Finding
from dentatool.operations.key_age import told as told_of_keys
from dentatool.operations.key_copy import told as told_of_copy
from dentatool.operations.monitoring import heartbeat
from dentatool.operations.monitoring.background import background
from dentatool.operations.secrets import database_of
from dentatool.operations.trails.told import told as told_of_trails
from dentatool.operations.updates.told import told as told_of_updates
from dentatool.protection.environment import ENVIRONMENTS
from dentatool.protection.published import Unusable, published_passwords

_TIGHT_MB, _FULL_MB = 2_000, 500
_SECRET_FILES = (
    "secrets/database.json",
    "secrets/pass.key",
    "secrets/signing.key",
    "secrets/trail.key",
    "secrets/django.key",
    "keys/root.key",
)
_CLOCK_S = 2.0
_NAMED = 10


def examine(var: Path, *, production: bool) -> list[Finding]:
    """Files, disk, certificate, then the database in the app's own role."""
    findings = [*_secrets(var), _disk(var), _certificate(var), _mail(), _published(production=production)]
    findings += [_backups(var, production=production), _backlog(var), _watched(var, production=production)]
    try:
        database = database_of(var)
    except (OSError, ValueError) as error:
        return [*findings, Finding("Datenbank", WRONG, f"database.json: {error}", "Starten Sie einmal: make run")]
    try:
        with connect(database, "app") as app:
            findings += [look(app) for look in _LOOKS]
            updates = told_of_updates(var, app.info.server_version, production=production)
            findings.append(Finding("Aktualisierungen", *updates))
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        findings.append(Finding("Datenbank", WRONG, reason, "Läuft DentaTool? Starten Sie es mit: make run"))
    else:
        findings += [
            _backup_writes_nothing(database), _trail_forgets_in_time(database), _as_the_program_made_it(database),
            *_administrators(database, var), _environment(var, production=production),
            *(Finding(*each) for each in told_of_trails(var, database)),
            *(Finding(*each) for each in told_of_keys(database)),
            *(Finding(*each) for each in told_of_copy(var, production=production)),
            *background(database),
        ]  # fmt: skip
    if production:
        findings += _production()
    return findings


def _secrets(var: Path) -> Iterator[Finding]:
    for name in _SECRET_FILES:
        file = var / name
        if name.startswith("keys/") and (elsewhere := os.environ.get("DENTATOOL_ROOT_KEY_FILE")):
            file = Path(elsewhere)
        if not file.exists():
            yield Finding(
                f"Datei {name}", WRONG, "fehlt", "Spielen Sie die Sicherung ein, oder starten Sie neu: make run"
            )
        elif (mode := stat.S_IMODE(file.stat().st_mode)) & 0o077:
            yield Finding(f"Datei {name}", WRONG, f"für andere zugänglich ({mode:04o})", f"chmod 600 {file}")
        else:
            yield Finding(f"Datei {name}", GOOD, "vorhanden und verschlossen")


def _disk(var: Path) -> Finding:
    place = next(each for each in (var, *var.parents) if each.exists())  # before the first start there is no folder
    free_mb = shutil.disk_usage(place).free // 1_000_000
    status = GOOD if free_mb >= _TIGHT_MB else WARNING if free_mb >= _FULL_MB else WRONG
    return Finding("Datenträger", status, f"{free_mb} MB frei", "" if status == GOOD else "Schaffen Sie Platz.")


def _certificate(var: Path) -> Finding:
    own = os.environ.get("DENTATOOL_TLS_CERT")
    file = Path(own) if own else var / "tls" / "certificate.pem"
    days = days_left(file)
    if days < 0:
        return Finding("TLS-Zertifikat", WRONG, f"{file} fehlt oder ist abgelaufen", "Starten Sie den Webserver neu.")
    if days < 30:
        return Finding("TLS-Zertifikat", WARNING, f"noch {days} Tage gültig", "Erneuern Sie es; danach neu starten.")
    return Finding("TLS-Zertifikat", GOOD, f"noch {days} Tage gültig")


def _mail() -> Finding:
    """Whether the mail server takes us: connected, certificate checked, signed in. No message is sent."""
    try:
        office = own_post_office()
        if office is None:
            mend = "DENTATOOL_SMTP_URL und DENTATOOL_MAIL_FROM setzen; bis dahin warten alle Nachrichten."
            return Finding("Mailserver", WARNING, "keiner eingerichtet", mend)
        office.greet()
    except PostOfficeError as unusable:
        return Finding("Mailserver", WRONG, str(unusable), "Berichtigen Sie die Einstellung; siehe README.")
    except (OSError, smtplib.SMTPException) as failure:
        found = f"nimmt uns nicht an ({type(failure).__name__})"
        return Finding("Mailserver", WRONG, found, "Prüfen Sie Adresse, Zertifikat, Name und Passwort.")
    return Finding("Mailserver", GOOD, f"{office.host}:{office.port} antwortet, Zertifikat und Anmeldung stimmen")


def _published(*, production: bool) -> Finding:
    """Whether new passwords are looked up in a file of published ones. Others are always: the 20,000 most common."""
    try:
        published = published_passwords(settings.DENTATOOL_PUBLISHED_PASSWORDS)
    except Unusable as unusable:
        return Finding("Veröffentlichte Passwörter", WRONG, str(unusable), "Berichtigen Sie die Datei; siehe README.")
    if published is not None:
        found = f"{published.file} mit {published.bytes // 1_000_000} MB"
        return Finding("Veröffentlichte Passwörter", GOOD, found)
    mend = "DENTATOOL_PUBLISHED_PASSWORDS auf die Datei von Have I Been Pwned setzen; siehe README."
    found = "keine Datei; geprüft wird gegen die 20.000 häufigsten"
    return Finding("Veröffentlichte Passwörter", *((WARNING, found, mend) if production else (GOOD, found)))


def _backups(var: Path, *, production: bool) -> Finding:
    """Age, check and drill of the last one. In production none at all is wrong."""
    now = state(var)
    bad = WRONG if now.ok is False or (production and not is_wanted()) else WARNING
    return Finding("Sicherungen", GOOD if now.ok else bad, now.found, now.mend)


def _backlog(var: Path) -> Finding:
    """Whether what is written reaches the target, or fills this disk."""
    now = backlog_state(var)
    return Finding("Rückstau der Sicherung", GOOD if now.ok else WRONG, now.found, now.mend)


def _watched(var: Path, *, production: bool) -> Finding:
    """Whether somebody would hear of a fault, and whether the watch is awake."""
    if not heartbeat.is_wanted():
        found, mend = "niemand würde von einer Störung erfahren", "DENTATOOL_ALERT_TO=name@betreiber.example setzen"
        return Finding("Überwachung", *((WRONG, found, mend) if production else (GOOD, "nicht eingerichtet")))
    seen = heartbeat.last_look(var)
    if seen is None or not heartbeat.is_awake(var):
        when = "nie" if seen is None else f"zuletzt am {seen.astimezone():%d.%m.%Y um %H:%M Uhr}"
        return Finding("Überwachung", WRONG, f"steht still: {when} nachgesehen", "„dentatool monitor watch“ starten")
    return Finding("Überwachung", GOOD, f"sieht nach, zuletzt um {seen.astimezone():%H:%M} Uhr")


def _role(app: psycopg.Connection) -> Finding:
    """No superuser, no bypass, no further roles: from the app's own mouth, since it cannot see pg_roles."""
    row = app.execute(
        "select current_setting('is_superuser') = 'on' or row_security_active('protection_account') is not true"
        " or has_database_privilege(current_database(), 'CREATE') or has_database_privilege(current_database(), 'TEMP')"
        " or has_schema_privilege('public', 'CREATE') or pg_has_role('dentatool_owner', 'MEMBER')"
        " or pg_has_role('dentatool_doors', 'MEMBER') or pg_has_role('dentatool_keys', 'MEMBER')"
    ).fetchone()
    if row != (False,):
        return Finding("Rolle der Anwendung", WRONG, "hat mehr Rechte, als sie braucht", "Starten Sie neu: make run")
    return Finding("Rolle der Anwendung", GOOD, "besitzt nichts, darf nichts anlegen, unterliegt dem Zeilenschutz")


def _shield(app: psycopg.Connection) -> Finding:
    """Every table the app can read has row-level security, forced."""
    rows = app.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and has_table_privilege(oid, 'SELECT') and not (relrowsecurity and relforcerowsecurity)"
        " and relname <> 'django_migrations' order by 1"
    ).fetchall()
    if rows:
        bare = ", ".join(name for (name,) in rows)
        return Finding("Zeilenschutz", WRONG, f"fehlt bei {bare}", "dentatool migrate")
    return Finding("Zeilenschutz", GOOD, "erzwungen auf jeder lesbaren Tabelle")


def _no_pass_no_rows(app: psycopg.Connection) -> Finding:
    (count,) = app.execute("select count(*) from protection_account").fetchone() or (None,)
    if count != 0:
        return Finding("Ohne Laborausweis", WRONG, f"{count} Konten sichtbar", "dentatool migrate")
    return Finding("Ohne Laborausweis", GOOD, "keine Zeile sichtbar")


def _hardening(app: psycopg.Connection) -> Finding:
    open_names = what_is_open(app)
    if open_names:
        few = ", ".join(open_names[:5])
        mend = "Starten Sie einmal mit einem Superuser in DATABASE_URL (eingebettet: make run)."
        return Finding("Härtung", WARNING, f"{len(open_names)} Systemfunktionen offen: {few} …", mend)
    return Finding("Härtung", GOOD, "keine Systemfunktion der Liste steht der Anwendung offen")


def _version(app: psycopg.Connection) -> Finding:
    version = app.info.server_version
    if version < 150000:
        return Finding("PostgreSQL", WRONG, f"{version // 10000} ist zu alt", "Nötig ist PostgreSQL 15 oder neuer.")
    return Finding("PostgreSQL", GOOD, f"{version // 10000}.{version % 10000}")


def _clock(app: psycopg.Connection) -> Finding:
    """Passes are signed here and judged there: the clocks must agree."""
    (theirs,) = app.execute("select extract(epoch from clock_timestamp())::float8").fetchone() or (0.0,)
    apart = abs(time.time() - theirs)
    if apart > _CLOCK_S:
        return Finding("Uhr", WRONG, f"{apart:.1f} s Abstand zur Datenbank", "Richten Sie auf beiden Rechnern NTP ein.")
    return Finding("Uhr", GOOD, "geht wie die der Datenbank")


_LOOKS: tuple[Callable[[psycopg.Connection], Finding], ...] = (
    _version, _clock, _role, _shield, _no_pass_no_rows, _hardening,
)  # fmt: skip


def _backup_writes_nothing(database: dict[str, Any]) -> Finding:
    with connect(database, "backup") as backup:
        reads_all = backup.execute(
            "select rolbypassrls and pg_has_role('pg_read_all_data', 'USAGE') from pg_roles where rolname = current_user"
        ).fetchone()
        row = backup.execute(
            "select exists (select from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind in ('r', 'p') and has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))"
        ).fetchone()
    if row != (False,):
        return Finding("Rolle der Sicherung", WRONG, "darf schreiben", "Starten Sie neu: make run")
    if reads_all != (True,):
        mend = "Starten Sie einmal mit einem Superuser in DATABASE_URL (eingebettet: make run)."
        return Finding("Rolle der Sicherung", WARNING, "liest nicht alles: Eine Sicherung wäre unvollständig", mend)
    return Finding("Rolle der Sicherung", GOOD, "liest alles, schreibt nichts")


def _trail_forgets_in_time(database: dict[str, Any]) -> Finding:
    """No entry is older than its class allows; two nights of grace for a computer that is off at night."""
    with connect(database, "backup") as backup:  # the only role that sees all laboratories
        rows = backup.execute(
            "select r.kept, min(e.at)::date, count(*) from protection.retention r join protection_entry e on e.what = r.what"
            " where e.at < now() - make_interval(days => r.keep_days + 2) group by 1 order by 1"
        ).fetchall()
    if rows:
        told = ", ".join(f"{kept}: {count} Einträge, der älteste vom {oldest:%d.%m.%Y}" for kept, oldest, count in rows)
        mend = "Laufen die Hintergrundaufgaben? Sie löschen jede Nacht: dentatool worker"
        return Finding("Aufbewahrung des Protokolls", WRONG, f"zu lange aufbewahrt: {told}", mend)
    return Finding("Aufbewahrung des Protokolls", GOOD, "kein Eintrag ist älter, als seine Klasse erlaubt")


def _as_the_program_made_it(database: dict[str, Any]) -> Finding:
    """Policies, triggers, keys, functions, rights and roles against what the program would make. Needs Django."""
    from dentatool.protection.tenancy import inspect_database  # noqa: PLC0415  (models can be loaded now)

    with connect(database, "owner") as owner, owner.cursor() as cursor:
        deviations = inspect_database(cursor)
    if not deviations:
        return Finding("Mandantenschutz", GOOD, "Punkt für Punkt so, wie das Programm ihn anlegt")
    named = " · ".join(str(deviation) for deviation in deviations[:_NAMED])
    more = f" · und {len(deviations) - _NAMED} weitere" if len(deviations) > _NAMED else ""
    mend = (
        "Entfernen Sie, was nicht zum Programm gehört; der Rest: dentatool migrate. Klären Sie, wer das geändert hat."
    )
    return Finding("Mandantenschutz", WRONG, named + more, mend)


def _administrators(database: dict[str, Any], var: Path) -> Iterator[Finding]:
    """Whether administrative access is reviewed in time, and whether there is any that nobody has reviewed."""
    with connect(database, "owner") as owner:
        accesses = accesses_of(owner, database, var)
        try:
            yield _review_in_time(owner)
            unknown, left = (
                admin_review.never_reviewed(owner, accesses), admin_review.revoked_but_there(owner, accesses)
            )  # fmt: skip
        except psycopg.errors.UndefinedTable:
            yield Finding("Zugangsprüfung des Betreibers", WRONG, "die Tabelle fehlt", "dentatool migrate")
            return
    if left:
        mend = (
            "Entfernen Sie diese Konten, Gruppen oder Rollen: Sie sind entzogen, das Programm kann sie nicht beenden."
        )
        yield Finding("Zugänge des Betreibers", WRONG, f"entzogen, aber noch da: {', '.join(left)}", mend)
    elif unknown:
        mend = "Klären Sie, wer das eingerichtet hat, und prüfen Sie es: dentatool reviews begin --by NAME"
        yield Finding("Zugänge des Betreibers", WARNING, f"noch nicht geprüft: {', '.join(unknown)}", mend)
    else:
        yield Finding(
            "Zugänge des Betreibers", GOOD, "nichts Neues seit der letzten Prüfung, nichts Entzogenes mehr da"
        )


def _review_in_time(owner: psycopg.Connection) -> Finding:
    what, now = "Zugangsprüfung des Betreibers", datetime.now(UTC)
    running, due = admin_review.open_review(owner), admin_review.due_on(owner)
    by = f"{due.astimezone():%d.%m.%Y}"
    mend = "dentatool reviews show" if running else "dentatool reviews begin --by NAME"
    if running and now >= running.due_at:
        return Finding(what, WRONG, "die Frist der laufenden ist vorbei", "dentatool reviews close")
    if now > due:
        return Finding(what, WRONG, f"war bis {by} abzuschließen ({admin_review.INTERVAL.days} Tage)", mend)
    if running:
        return Finding(what, WARNING, f"läuft, {len(running.undecided)} offen", mend)
    if now > due - admin_review.TERM:
        return Finding(what, WARNING, f"bis {by} abzuschließen", mend)
    return Finding(what, GOOD, f"die nächste ist bis {by} abzuschließen")


def _environment(var: Path, *, production: bool) -> Finding:
    """Whether keys, database and process are of one environment, and fit for it."""
    environment = "production" if production else settings.DENTATOOL_MODE
    if reasons := [*why_not_ours(var, environment), *why_not(var, environment, os.environ)]:
        return Finding("Umgebung", WRONG, " · ".join(reasons), "Beheben Sie jeden Punkt; vorher startet nichts.")
    return Finding("Umgebung", GOOD, f"{ENVIRONMENTS[environment]}; Schlüssel und Datenbank gehören dazu")


def _production() -> Iterator[Finding]:
    if os.environ.get("DENTATOOL_LEAST_FACTOR_RULE", "optional") == "optional":
        mend = "DENTATOOL_LEAST_FACTOR_RULE=required setzen, damit jedes Labor es verlangt."
        yield Finding("Zweites Anmeldeverfahren", WARNING, "nur für Inhaber und Abrechnung verlangt", mend)
    if not os.environ.get("DENTATOOL_TLS_CERT"):
        yield Finding(
            "Zertifikat für den Betrieb",
            WARNING,
            "selbst ausgestellt",
            "DENTATOOL_TLS_CERT und DENTATOOL_TLS_KEY setzen",
        )
    if not os.environ.get("DENTATOOL_HOSTS"):
        yield Finding("Namen", WARNING, "nur localhost", "DENTATOOL_HOSTS=labor.example setzen")
