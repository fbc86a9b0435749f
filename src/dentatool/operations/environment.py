"""Whether this process may serve as what DENTATOOL_MODE says (TOM 15): one list of reasons, used wherever something starts.

Production refuses demo laboratories, guessable keys, plain HTTP, addresses anybody may claim, and database roles that may do
more than they need. Whose the database and the keys are is checked in every environment (protection/environment.py).
"""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from dentatool.operations.secrets import database_of, is_protected_on_its_way
from dentatool.protection.environment import ENVIRONMENTS, Elsewhere, belonging

_HEX_KEYS = ("pass.key", "signing.key", "trail.key")
_KEY_HEX = 64
_TEXT_KEYS = {"django.key": 50, "superuser.key": 32}
_LEAST_DIFFERENT = 12  # characters: of 64 random hex digits fewer than that are never seen
_POWERS = (
    "select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication"
    " or pg_has_role(rolname, 'dentatool_owner', 'MEMBER') or pg_has_role(rolname, 'dentatool_doors', 'MEMBER')"
    " or pg_has_role(rolname, 'dentatool_keys', 'MEMBER')"
    " or has_database_privilege(rolname, current_database(), 'CREATE')"
    " or has_database_privilege(rolname, current_database(), 'TEMP') from pg_roles where rolname = %s"
)


class NotFit(RuntimeError):
    """This installation may not serve. The message is German and names every reason."""


def require_fit(var: Path, environment: str, settings: Mapping[str, str]) -> None:
    """Raises NotFit, naming every reason; that the database is another's is one. `settings`: os.environ."""
    if reasons := [*why_not_ours(var, environment), *why_not(var, environment, settings)]:
        raise NotFit(
            f"DentaTool startet nicht als {ENVIRONMENTS[environment]}:\n" + "".join(f"  - {each}\n" for each in reasons)
        )


def why_not_ours(var: Path, environment: str) -> list[str]:
    """Why the database is not of this environment and installation."""
    reasons = []
    try:
        ours = belonging(environment, var / "secrets" / "signing.key")
        with connect(database_of(var), "app") as app:
            ours.require(app.cursor())
    except Elsewhere as elsewhere:
        reasons.append(str(elsewhere))
    except psycopg.OperationalError as error:
        reasons.append(f"Die Datenbank ist nicht erreichbar: {str(error).strip().splitlines()[0]}")
    return reasons


def why_not(var: Path, environment: str, settings: Mapping[str, str]) -> list[str]:
    """Why this installation may not serve as what it says it is. Outside of production everything may."""
    if environment != "production":
        return []
    return [*_keys(var), *_addresses(settings), *_roles(var), *_demo(var)]


def _keys(var: Path) -> Iterator[str]:
    secrets = var / "secrets"
    least = {**dict.fromkeys(_HEX_KEYS, _KEY_HEX), **_TEXT_KEYS}
    for name, length in least.items():
        file = secrets / name
        if not file.exists():
            if name != "superuser.key":  # of the embedded server alone
                yield f"{file} fehlt."
            continue
        text = file.read_text().strip()
        if len(text) < length or len(set(text)) < _LEAST_DIFFERENT:
            yield f"{file} ist ein erratbarer Schlüssel. Nehmen Sie den, den „dentatool run“ anlegt."
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield f"{file} ist für andere lesbar: chmod 600 {file}"


def _addresses(settings: Mapping[str, str]) -> Iterator[str]:
    if not settings.get("DENTATOOL_URL", "https://").startswith("https://"):
        yield "DENTATOOL_URL muss mit https:// beginnen: Links in E-Mails führten sonst unverschlüsselt hierher."
    for origin in filter(None, map(str.strip, settings.get("DENTATOOL_ORIGINS", "").split(","))):
        if not origin.startswith("https://") or "*" in origin:
            yield f"DENTATOOL_ORIGINS nennt {origin}; erlaubt sind einzelne Ursprünge mit https://."
    for host in filter(None, map(str.strip, settings.get("DENTATOOL_HOSTS", "").split(","))):
        if host == "*" or host.startswith("."):
            yield f"DENTATOOL_HOSTS nennt {host}; erlaubt sind einzelne Namen, sonst darf jeder einen behaupten."


def _roles(var: Path) -> Iterator[str]:
    database = database_of(var)
    host = str(database["host"])
    if not is_protected_on_its_way(host, database.get("sslmode")):
        yield f"Die Verbindung zur Datenbank auf {host} ist unverschlüsselt: DATABASE_URL mit sslmode=verify-full."
    try:
        with connect(database, "owner") as owner:
            for role in ("app", "worker"):
                user = database["roles"][role]["user"]
                if owner.execute(_POWERS, [user]).fetchone() != (False,):
                    yield f"Die Datenbankrolle {user} darf mehr, als sie braucht. Starten Sie einmal: dentatool run"
    except psycopg.Error as error:
        yield f"Die Rechte der Datenbankrollen sind nicht prüfbar: {str(error).strip().splitlines()[0]}"


def _demo(var: Path) -> Iterator[str]:
    try:
        with connect(database_of(var), "app") as app:
            has_demo = app.execute("select demo from protection.environment").fetchone() == (True,)
    except psycopg.Error as error:
        yield f"Ob Demolabore geladen sind, ist nicht prüfbar: {str(error).strip().splitlines()[0]}"
        return
    if has_demo:
        yield "In der Datenbank sind Demolabore. Beginnen Sie mit einer leeren, mit DENTATOOL_VAR in einem neuen Ordner."


def connect(database: Mapping[str, Any], role: str) -> psycopg.Connection:
    """A connection in one of the roles of database.json. Autocommit."""
    login = database["roles"][role]
    return psycopg.connect(
        host=database["host"],
        port=database["port"],
        dbname=database["name"],
        user=login["user"],
        password=login["password"],
        sslmode=database.get("sslmode", "prefer"),
        connect_timeout=5,
        autocommit=True,
    )
