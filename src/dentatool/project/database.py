"""The database of an installation: the embedded server, or an existing one named by DATABASE_URL."""

import subprocess
from collections.abc import Callable

import psycopg

from dentatool.operations.cluster import Cluster, ensure_roles
from dentatool.operations.cluster.places import PORT
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.secrets import ensure_database_file, ensure_secrets
from dentatool.project.console import Failure, say
from dentatool.project.instance import Instance

NAME = "dentatool"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ENCRYPTED = ("require", "verify-ca", "verify-full")


class Database:
    """Hides from the launcher which of the two it is."""

    def __init__(self, instance: Instance, tell: Callable[[str], None]) -> None:
        self._instance = instance
        self._tell = tell
        self._cluster: Cluster | None = None
        self._superuser_dsn = instance.database_url or ""

    def prepare(self) -> None:
        """Keys, passwords, and a founded server. Existing ones are kept."""
        var = self._instance.var
        ensure_secrets(var)
        if self._instance.database_url:
            self._point_to_existing_server(self._instance.database_url)
            return
        self._cluster = cluster = Cluster(var / "postgres", tell=self._tell)
        if cluster.places.moved:
            say(f"  ! {var} ist für die Kennung der Datenbank nicht erreichbar: Daten in {cluster.places.home}")
        password = (var / "secrets" / "superuser.key").read_text().strip()
        if not cluster.is_founded:
            cluster.found(password)
        ensure_database_file(var, host=cluster.host, port=PORT, name=NAME)
        self._superuser_dsn = cluster.dsn(SUPERUSER, password)

    def _point_to_existing_server(self, url: str) -> None:
        facts = psycopg.conninfo.conninfo_to_dict(url)
        host, sslmode = str(facts.get("host", "localhost")), str(facts.get("sslmode", "prefer"))
        if not host.startswith("/") and host not in _LOOPBACK and sslmode not in _ENCRYPTED:
            raise Failure(
                f"DATABASE_URL führt unverschlüsselt zu {host}. Ergänzen Sie sslmode=verify-full (oder require).\n"
                "  (A database on another machine is only reached over TLS.)"
            )
        ensure_database_file(
            self._instance.var,
            host=host,
            port=int(facts.get("port", 5432)),
            name=str(facts.get("dbname", NAME)) if facts.get("dbname") != "postgres" else NAME,
            sslmode=sslmode if sslmode in _ENCRYPTED else None,
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
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The embedded server's process, if there is one."""
        return self._cluster.process if self._cluster is not None else None

    def ensure_roles(self) -> None:
        """Roles and database; says so when a foreign server could not be hardened."""
        import json  # noqa: PLC0415

        known = json.loads((self._instance.var / "secrets" / "database.json").read_text())
        try:
            hardened = ensure_roles(self._superuser_dsn, known)
        except psycopg.OperationalError as error:
            raise Failure(f"Die Datenbank ist nicht erreichbar: {error}") from error
        if not hardened:
            say("  ! DATABASE_URL gehört keinem Superuser: Systemfunktionen bleiben ungehärtet (dentatool doctor).")
