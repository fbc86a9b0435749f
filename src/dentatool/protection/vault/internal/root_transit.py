"""The root key in a key service: HashiCorp Vault, OpenBao, or whatever else speaks their Transit interface over HTTPS.

The key never leaves the service; it seals and opens what we send. What we send is a laboratory's key that its own secret
covers already (lab_secrets.py), so the service learns nothing that opens a value. Fails closed: no answer within three
seconds is RootKeyAway, and for two seconds nobody asks again, so that a dead service does not hold every desk.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dentatool.protection.vault.internal.private_file import RootKeyAway, RootKeyError, read_private
from dentatool.protection.vault.internal.root_file import RootVersion

_TIMEOUT_S: Final = 3.0
_PAUSE_S: Final = 2.0
_MOST: Final = 1_000_000
PREFIX: Final = b"vault:v"
# Kinds of keys that check the additional data, so that a wrapped key opens for nothing but what it is.
_KINDS: Final = ("aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305")
_silent_until = 0.0


class TransitRoot:
    """`address` is https://host[:port]/mount/key; the token lies in a file that only we may read."""

    name = "Schlüsseldienst"

    def __init__(self, address: str, token_file: Path, ca_file: str = "") -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._mount, _, self._key = parts.path.strip("/").rpartition("/")
        self._token_file, self._ca_file = token_file, ca_file

    def check(self) -> None:
        """The key is there, of a kind that binds, and seals and opens for us."""
        kind = self._ask("GET", f"keys/{self._key}").get("type")
        if kind not in _KINDS:
            raise RootKeyError(
                f"Der Schlüssel {self._key} im Schlüsseldienst ist von der Art {kind}; nötig: {_KINDS[1]}."
            )
        if self.open(self.seal(b"probe", b"check"), b"check") != b"probe":
            raise RootKeyError(f"Der Schlüssel {self._key} im Schlüsseldienst öffnet nicht, was er versiegelt.")

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """`vault:v3:…`, under the newest version."""
        answer = self._ask("POST", f"encrypt/{self._key}", {"plaintext": _base64(plain), **_bound(about)})
        sealed = str(answer.get("ciphertext", "")).encode()
        if not sealed.startswith(PREFIX):
            raise RootKeyAway("Der Schlüsseldienst gab etwas anderes zurück als etwas Versiegeltes.")
        return sealed

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """What was sealed, if it was for this very purpose."""
        asked = {"ciphertext": sealed.decode("ascii", "replace"), **_bound(about)}
        answer = self._ask(
            "POST", f"decrypt/{self._key}", asked, wrong="passt nicht zum Hauptschlüssel im Schlüsseldienst"
        )
        try:
            return base64.b64decode(answer.get("plaintext", ""), validate=True)
        except (ValueError, TypeError):
            raise RootKeyAway("Der Schlüsseldienst gab etwas Unlesbares zurück.") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest version sealed it."""
        newest = int(self._ask("GET", f"keys/{self._key}").get("latest_version", 0))
        return sealed.startswith(PREFIX + f"{newest}:".encode())

    def versions(self) -> list[RootVersion]:
        """Those that still open, the oldest first; in place of a fingerprint the name of the key."""
        facts = self._ask("GET", f"keys/{self._key}")
        least = int(facts.get("min_decryption_version", 1))
        found = []
        for number, made in facts.get("keys", {}).items():
            when = made if isinstance(made, (int, float)) else made.get("creation_time", 0)
            made_on = (
                datetime.fromtimestamp(when, UTC) if isinstance(when, (int, float)) else datetime.fromisoformat(when)
            )
            if int(number) >= least:
                found.append(RootVersion(int(number), made_on, f"{self._mount}/{self._key}"))
        return sorted(found)

    def add_version(self) -> int:
        """A new version; from now on it seals. Needs a token that may do so."""
        self._ask("POST", f"keys/{self._key}/rotate", {})
        return max(each.version for each in self.versions())

    def drop_older(self, old_to: Path | None) -> list[RootVersion]:
        """From now on the service opens with the newest version alone; it can be told otherwise until it is trimmed."""
        if old_to is not None:
            raise RootKeyError(
                "Ein Schlüssel verlässt den Schlüsseldienst nicht; --old-key-to gibt es nur bei einer Datei."
            )
        *old, newest = self.versions()
        if old:
            self._ask("POST", f"keys/{self._key}/config", {"min_decryption_version": newest.version})
        return old

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, *, wrong: str = "") -> dict[str, Any]:
        """One question. `wrong`: what a refused value means; every other refusal is the service's, not the data's."""
        global _silent_until
        if time.monotonic() < _silent_until:
            raise RootKeyAway("Der Schlüsseldienst antwortet nicht.")
        token = read_private(self._token_file).decode("ascii", "replace").strip()
        trust = ssl.create_default_context()
        if self._ca_file:
            trust.load_verify_locations(self._ca_file)
        link = http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_S, context=trust)
        try:
            link.request(
                method,
                f"/v1/{self._mount}/{path}",
                None if body is None else json.dumps(body),
                {"X-Vault-Token": token, "X-Vault-Request": "true", "Content-Type": "application/json"},
            )
            answer = link.getresponse()
            status, content = answer.status, answer.read(_MOST)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            _silent_until = time.monotonic() + _PAUSE_S
            raise RootKeyAway(f"Der Schlüsseldienst {self._host} antwortet nicht ({type(problem).__name__}).") from None
        finally:
            link.close()
        # An unknown key is a 400 as well: that is a wrong setting, and no value may look damaged because of it.
        if status == 400 and wrong and b"not found" not in content:
            raise RootKeyError(wrong)
        if status not in (200, 204):
            raise RootKeyAway(
                f"Der Schlüsseldienst {self._host} lehnt ab ({status}). Token, Rechte und Schlüssel prüfen."
            )
        return _data_of(content)


def _data_of(content: bytes) -> dict[str, Any]:
    if not content:
        return {}
    try:
        data = json.loads(content)["data"]
    except (ValueError, KeyError, TypeError):
        raise RootKeyAway("Der Schlüsseldienst gab etwas Unlesbares zurück.") from None
    return data if isinstance(data, dict) else {}


def _bound(about: bytes) -> dict[str, str]:
    return {"associated_data": _base64(b"dentatool/key|" + about)}


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
