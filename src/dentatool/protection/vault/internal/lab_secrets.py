"""One secret of each laboratory beside the root key: without it none of its keys opens, wherever they are restored from.

A laboratory's keys are sealed with its secret before the root key wraps them. The secrets lie in files (`var/keys/labs`),
like the root key in no database and in no backup. So destroying one file makes a laboratory's data unreadable everywhere:
in the database, in every backup, in the trail. What remains is a note of the day, so that nothing brings it back by mistake.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from dentatool.protection.vault.internal.private_file import RootKeyError, read_private, wipe, write_private

SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_CONTEXT: Final = b"dentatool/lab|"


class LabSecretMissing(RootKeyError):
    """The laboratory's secret is not there: destroyed, or not copied along with the root key."""


def folder() -> Path:
    """Beside the root key, and to be kept with it."""
    return Path(settings.DENTATOOL_ROOT_KEY_FILE).parent / "labs"


def make(lab_id: UUID) -> None:
    """The secret of a new laboratory; one that is there stays. Raises LabSecretMissing for one that was destroyed."""
    _require_not_destroyed(lab_id)
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = {"key": base64.b64encode(os.urandom(SECRET_BYTES)).decode(), "made": datetime.now(UTC).isoformat()}
    if not is_there(lab_id):
        try:
            write_private(_file(lab_id), json.dumps(facts).encode(), is_new=True)
        except FileExistsError:
            return


def is_there(lab_id: UUID) -> bool:
    """Whether the file exists."""
    return _file(lab_id).exists()


def cover(lab_id: UUID, key: bytes, about: bytes) -> bytes:
    """A key that only this laboratory's secret opens, and only for what it is."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(lab_id).encrypt(nonce, key, _CONTEXT + about)


def uncover(lab_id: UUID, covered: bytes, about: bytes) -> bytes:
    """The key. Raises RootKeyError when it is another laboratory's, or its secret is not there."""
    try:
        return _cipher(lab_id).decrypt(covered[:_NONCE_BYTES], covered[_NONCE_BYTES:], _CONTEXT + about)
    except (InvalidTag, ValueError):
        raise RootKeyError(f"{_file(lab_id)} ist nicht das Geheimnis, mit dem dieses Labor begann.") from None


def destroy(lab_id: UUID) -> None:
    """For good. A run that is killed in between leaves at least the note, and the next one ends it."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _note(lab_id).exists():
        write_private(_note(lab_id), json.dumps({"destroyed": datetime.now(UTC).isoformat()}).encode())
    wipe(_file(lab_id))


def destroyed() -> dict[UUID, str]:
    """Laboratories whose secrets were destroyed, and when (ISO)."""
    found = {}
    for note in sorted(folder().glob("*.destroyed")):
        found[UUID(note.stem)] = str(json.loads(read_private(note)).get("destroyed", ""))
    return found


def _cipher(lab_id: UUID) -> AESGCM:
    _require_not_destroyed(lab_id)
    if not is_there(lab_id):
        raise LabSecretMissing(
            f"{_file(lab_id)} fehlt. Spielen Sie den Ordner var/keys samt labs aus der Kopie ein; ohne das Geheimnis des"
            " Labors öffnet auch der Hauptschlüssel nichts."
        )
    try:
        secret = base64.b64decode(json.loads(read_private(_file(lab_id)))["key"], validate=True)
    except (ValueError, KeyError, TypeError):
        raise RootKeyError(f"{_file(lab_id)} ist beschädigt. Bitte die gesicherte Kopie einspielen.") from None
    if len(secret) != SECRET_BYTES:
        raise RootKeyError(f"{_file(lab_id)} enthält kein Geheimnis von 32 Byte.")
    return AESGCM(secret)


def _require_not_destroyed(lab_id: UUID) -> None:
    if _note(lab_id).exists():
        raise LabSecretMissing(f"Die Schlüssel des Labors {lab_id} wurden vernichtet; nichts öffnet seine Daten mehr.")


def _file(lab_id: UUID) -> Path:
    return folder() / f"{lab_id}.key"


def _note(lab_id: UUID) -> Path:
    return folder() / f"{lab_id}.destroyed"
