"""Which environment and which installation a database and its keys belong to (TOM 15: separate environments).

Promise: development, test and production are declared in the process, in the root key's file, in every wrapped key of a
laboratory and in the database; where two of them differ, nothing is opened, changed or served. So a copy of production's
data never opens in development, and a development database never serves as production. A database of another
installation (other keys) is left alone before anything in it is touched.
How it could be broken: by whoever owns the database and rewrites the row; the laboratories' keys still do not open then.
Tests that try: tests/operations/test_environment.py, tests/protection/vault/test_keys.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ENVIRONMENTS: Final = {"development": "Entwicklung", "test": "Test", "production": "Produktion"}
_SHOWN: Final = 12


class Elsewhere(RuntimeError):
    """The database belongs to another environment or installation. The message is German and says what to do."""


class Cursor(Protocol):
    """psycopg's cursor or Django's."""

    def execute(self, query: Any, params: Any = None, /) -> Any: ...
    def fetchone(self) -> tuple[Any, ...] | None: ...


@dataclass(frozen=True, slots=True)
class Belonging:
    """The environment, and the public half of the installation's signing key (Ed25519, hex): proven, not claimed."""

    environment: str
    installation: str

    def adopt(self, cursor: Cursor) -> None:
        """Take over a database whose own keys are lost. Needs the owner's role. Never across environments."""
        found = _found(cursor)
        if found is not None:
            _require_environment(found.environment, self.environment)
        cursor.execute("update protection.environment set installation = %s", [self.installation])

    def declare(self, cursor: Cursor) -> None:
        """Say in a new database whose it is; in an older one nothing changes. Needs the owner's role."""
        cursor.execute(
            "insert into protection.environment (name, installation) values (%s, %s) on conflict (only_row) do nothing",
            [self.environment, self.installation],
        )

    def require(self, cursor: Cursor) -> None:
        """Raises Elsewhere unless the database is ours. One that declares nothing yet is nobody's."""
        found = _found(cursor)
        if found is None:
            return
        _require_environment(found.environment, self.environment)
        if found.installation != self.installation:
            raise Elsewhere(
                "Die Datenbank gehört zu einer anderen DentaTool-Installation "
                f"({found.installation[:_SHOWN]}…, hier {self.installation[:_SHOWN]}…); sie wurde nicht angerührt.\n"
                "  Nennen Sie eine andere Datenbank, oder spielen Sie deren Ordner var/secrets und var/keys ein.\n"
                "  Sind jene Schlüssel endgültig verloren: dentatool run --adopt"
            )


def belonging(environment: str, signing_key_file: Path) -> Belonging:
    """What this process is. Raises Elsewhere when the signing key is missing or damaged."""
    try:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(signing_key_file.read_text().strip()))
    except (OSError, ValueError) as problem:
        raise Elsewhere(f"{signing_key_file} fehlt oder ist beschädigt: Spielen Sie var/secrets ein.") from problem
    return Belonging(environment, key.public_key().public_bytes_raw().hex())


def _found(cursor: Cursor) -> Belonging | None:
    cursor.execute("select to_regclass('protection.environment') is not null")
    if cursor.fetchone() != (True,):
        return None
    cursor.execute("select name, installation from protection.environment")
    row = cursor.fetchone()
    return None if row is None else Belonging(*row)


def _require_environment(found: str, ours: str) -> None:
    if found != ours:
        raise Elsewhere(
            f"Die Datenbank ist eine der Umgebung {ENVIRONMENTS[found]} ({found}), dieser Prozess läuft als "
            f"{ENVIRONMENTS[ours]} ({ours}); sie wurde nicht angerührt.\n"
            f"  Setzen Sie DENTATOOL_MODE={found}, oder nennen Sie eine andere Datenbank. Eine Kopie der Produktion\n"
            "  öffnet sich nirgends sonst: Zum Entwickeln gibt es die Demolabore (make run)."
        )
