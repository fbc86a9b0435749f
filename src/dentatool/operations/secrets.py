"""Keys and passwords of an installation: made once, never shown, readable by their owner alone.

var/secrets/   database.json (roles and their passwords), superuser.key (embedded server only),
               pass.key (signs the laboratory passes), signing.key (signs reports, Ed25519),
               trail.key (signs checkpoints of the sealed trail, Ed25519), django.key
var/keys/      root.key (wraps every laboratory's keys), labs/ (a secret of each, made with it). In a folder of its own, so that a backup of
               the data never carries it along by mistake.
"""

import base64
import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROLES = ("owner", "app", "worker", "backup")
ENCRYPTED = ("require", "verify-ca", "verify-full")  # values of sslmode
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def ensure_secrets(var: Path, environment: str) -> list[str]:
    """Make every key file that is missing; the names of those. Existing ones are never changed, only checked.

    The root key is one of this environment (development, test, production) for good.
    """
    for folder in (var / "secrets", var / "keys"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    wanted = {
        var / "secrets" / "pass.key": lambda: secrets.token_hex(32),
        var / "secrets" / "django.key": lambda: secrets.token_urlsafe(50),
        var / "secrets" / "signing.key": lambda: secrets.token_bytes(32).hex(),  # any 32 bytes: RFC 8032
        var / "secrets" / "trail.key": lambda: secrets.token_bytes(32).hex(),
        var / "secrets" / "superuser.key": lambda: secrets.token_urlsafe(32),
        var / "keys" / "root.key": lambda: json.dumps(
            {
                "environment": environment,
                "1": base64.b64encode(os.urandom(32)).decode(),
                "made": {"1": datetime.now(UTC).isoformat()},
            }
        ),
    }
    missing = [file.name for file in wanted if not file.exists()]
    for file, make in wanted.items():
        ensure_file(file, make)
    return missing


def ensure_database_file(var: Path, *, host: str, port: int, name: str, sslmode: str | None = None) -> dict[str, Any]:
    """Say in database.json where the database is; passwords that exist stay as they are."""
    file = var / "secrets" / "database.json"
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    roles = known.get("roles", {})
    wanted: dict[str, Any] = {"host": host, "port": port, "name": name}
    if "server" in known:
        wanted["server"] = known["server"]
    if sslmode is not None:
        wanted["sslmode"] = sslmode
    wanted["roles"] = {
        role: roles.get(role) or {"user": f"dentatool_{role}", "password": secrets.token_urlsafe(32)} for role in ROLES
    }
    if wanted != known:
        write_secret(file, json.dumps(wanted, indent=2))
    return wanted


def database_of(var: Path) -> dict[str, Any]:
    """Where this installation's database is, and the logins of its roles. Raises OSError or ValueError without a readable file.

    DENTATOOL_DB_NAME names another database on the same server, as it does for the program itself.
    """
    known: dict[str, Any] = json.loads((var / "secrets" / "database.json").read_text())
    if name := os.environ.get("DENTATOOL_DB_NAME"):
        known["name"] = name
    return known


def is_protected_on_its_way(host: str, sslmode: str | None) -> bool:
    """Whether passwords and rows stay on this machine (socket, loopback) or travel encrypted."""
    return not host or host.startswith("/") or host in _LOOPBACK or sslmode in ENCRYPTED


def settle_on_server(var: Path, server: str) -> None:
    """Remember in database.json that this kind of server (embedded, existing) has been set up for this installation."""
    file = var / "secrets" / "database.json"
    known = json.loads(file.read_text())
    if known.get("server") != server:
        write_secret(file, json.dumps({**known, "server": server}, indent=2))


def superuser_password(var: Path) -> str:
    """Of the embedded server."""
    return (var / "secrets" / "superuser.key").read_text().strip()


def ensure_file(file: Path, make: Callable[[], str]) -> str:
    """The content of a secret file, made first if it is missing. Others may not read it."""
    if not file.exists():
        write_secret(file, make())
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)
    return file.read_text().strip()


def write_secret(file: Path, text: str) -> None:
    """Write a file only we may read, all or nothing: a power cut must not leave half a key."""
    unfinished = file.with_suffix(f".{os.getpid()}.unfinished")
    with open(
        os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8"
    ) as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    unfinished.rename(file)
