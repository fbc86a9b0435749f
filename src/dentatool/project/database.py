"""The database of an installation: the embedded server, or an existing one named by DATABASE_URL."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from dentatool.operations.backup.setup import is_wanted
from dentatool.operations.cluster import Cluster, ensure_roles
from dentatool.operations.cluster.places import PORT
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.cluster.tuning import ARCHIVING
from dentatool.operations.secrets import (
    ENCRYPTED,
    ensure_database_file,
    ensure_secrets,
    is_protected_on_its_way,
    settle_on_server,
    superuser_password,
)
from dentatool.project.console import Failure, say
from dentatool.project.instance import Instance
from dentatool.protection.environment import belonging

NAME = "dentatool"


class Database:
    """Hides from the launcher which of the two it is."""

    def __init__(self, instance: Instance, tell: Callable[[str], None], *, adopt: bool = False) -> None:
        self._instance = instance
        self._tell = tell
        self._adopt = adopt
        self._cluster: Cluster | None = None
        self._superuser_dsn = instance.database_url or ""

    def prepare(self) -> list[str]:
        """Keys, passwords, and a founded server. Existing ones are kept; the names of the keys that are new."""
        var = self._instance.var
        made = ensure_secrets(var, self._instance.mode)
        if self._instance.database_url:
            self._point_to_existing_server(self._instance.database_url)
            return made
        _require_the_same("embedded", var)
        further = ARCHIVING if is_wanted() else {}
        self._cluster = cluster = Cluster(var / "postgres", tell=self._tell, further=further)
        if cluster.places.moved:
            say(f"  ! {var} ist für die Kennung der Datenbank nicht erreichbar: Daten in {cluster.places.home}")
        password = superuser_password(var)
        if not cluster.is_founded:
            cluster.found(password)
        ensure_database_file(var, host=cluster.host, port=PORT, name=NAME)
        self._superuser_dsn = cluster.dsn(SUPERUSER, password)
        return made

    def _point_to_existing_server(self, url: str) -> None:
        facts = _facts_of(url)
        host, sslmode = str(facts.get("host", "localhost")), str(facts.get("sslmode", "prefer"))
        if not is_protected_on_its_way(host, sslmode):
            raise Failure(
                f"DATABASE_URL führt unverschlüsselt zu {host}. Ergänzen Sie sslmode=verify-full (oder require).\n"
                "  (A database on another machine is only reached over TLS.)"
            )
        _require_the_same("existing", self._instance.var)
        ensure_database_file(
            self._instance.var,
            host=host,
            port=int(facts.get("port", 5432)),
            name=str(facts.get("dbname", NAME)) if facts.get("dbname") != "postgres" else NAME,
            sslmode=sslmode if sslmode in ENCRYPTED else None,
        )

    def start(self) -> None:
        """Start the embedded server; an existing one only has to answer."""
        if self._cluster is not None:
            self._cluster.start()

    def stop(self) -> None:
        """Stop the embedded server in an orderly way."""
        if self._cluster is not None:
            self._cluster.stop()

    @property
    def is_backed_up(self) -> bool:
        """Whether its segments go to a target: ours alone, an existing server is backed up by whoever runs it."""
        return self._cluster is not None and is_wanted()

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The embedded server's process, if there is one."""
        return self._cluster.process if self._cluster is not None else None

    def ensure_roles(self) -> None:
        """Roles and database; says so when a foreign server could not be hardened. Raises Elsewhere for a database of others."""
        secrets = self._instance.var / "secrets"
        known = json.loads((secrets / "database.json").read_text())
        ours = belonging(self._instance.mode, secrets / "signing.key")
        try:
            hardened = ensure_roles(self._superuser_dsn, known, ours, adopt=self._adopt)
        except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
            raise Failure(_why_not(error)) from error
        settle_on_server(self._instance.var, "embedded" if self._cluster is not None else "existing")
        if not hardened:
            say("  ! DATABASE_URL gehört keinem Superuser: Systemfunktionen bleiben ungehärtet (dentatool doctor).")

    @property
    def place(self) -> str:
        """Where the data is, for the person at the terminal."""
        known = json.loads((self._instance.var / "secrets" / "database.json").read_text())
        if self._cluster is not None:
            return f"in {self._instance.var}"
        return f"in der Datenbank {known['name']} auf {known['host']}, die Schlüssel in {self._instance.var}"


def _facts_of(url: str) -> dict[str, Any]:
    """What the address says. It holds a password, so no message repeats it."""
    try:
        facts = psycopg.conninfo.conninfo_to_dict(url)
        int(facts.get("port") or 5432)
    except (psycopg.ProgrammingError, ValueError) as error:
        raise Failure(
            "DATABASE_URL ist keine Adresse einer PostgreSQL-Datenbank.\n"
            "  So sieht sie aus: postgresql://konto:passwort@localhost:5432/postgres\n"
            "  (DATABASE_URL is not a PostgreSQL address.)"
        ) from error
    return facts


def _require_the_same(server: str, var: Path) -> None:
    """An installation stays with its kind of server: starting with the other one would look as if all data were gone."""
    file = var / "secrets" / "database.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    if known.get("server", server) == server:
        return
    if server == "embedded":
        raise Failure(
            f"Die Daten dieser Installation liegen in der Datenbank {known['name']} auf {known['host']}, aber DATABASE_URL\n"
            "  ist nicht gesetzt. Setzen Sie DATABASE_URL wie bisher, oder beginnen Sie mit DENTATOOL_VAR in einem neuen\n"
            "  Ordner. (DATABASE_URL is not set, but this installation uses it.)"
        )
    raise Failure(
        f"Die Daten dieser Installation liegen in der eingebetteten Datenbank in {var}; DATABASE_URL nennt eine andere.\n"
        "  Lassen Sie DATABASE_URL weg, oder beginnen Sie dort neu, mit DENTATOOL_VAR in einem neuen Ordner.\n"
        "  (DATABASE_URL is set, but this installation uses its own server.)"
    )


def _why_not(error: psycopg.Error) -> str:
    said = _first_line(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege) or "permission denied" in said:
        return (
            "Das Konto aus DATABASE_URL hat nicht die nötigen Rechte: Es muss Rollen und Datenbanken anlegen dürfen\n"
            "  (CREATEROLE und CREATEDB), oder die Rollen dentatool_… gehören schon einem anderen Konto.\n"
            f"  Nehmen Sie am besten einen Superuser. Der Server sagt: {said}\n"
            "  (The account may not create or change roles and databases.)"
        )
    return (
        "Die Datenbank ist nicht erreichbar. Prüfen Sie, ob der Server läuft, und in DATABASE_URL Rechner, Port,\n"
        f"  Konto und Passwort; als Datenbank genügt postgres. Der Server sagt: {said}\n"
        "  (The database cannot be reached.)"
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
