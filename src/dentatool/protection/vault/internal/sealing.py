"""Values meet keys: seal and open for the laboratory of the pass in force, and for no other."""

from __future__ import annotations

from uuid import UUID

from dentatool.protection.tenancy import current
from dentatool.protection.vault.internal.ciphertext import DecryptError, Place, parse, seal, unseal
from dentatool.protection.vault.internal.keys import KeyMissing, key_of_version, newest_key
from dentatool.protection.vault.internal.rootkey import RootKeyAway, RootKeyError


def seal_value(place: Place, plain: bytes, row_id: UUID, token: bytes = b"") -> bytes:
    """The stored form of a value. Raises NoPass, KeyMissing, RootKeyError."""
    lab_id = current().lab_id
    key = newest_key(lab_id, place.kind)
    return seal(key.cipher, plain, place, lab_id, row_id, key.version, token)


def open_value(place: Place, raw: bytes, row_id: UUID) -> bytes:
    """The value. Raises DecryptError when it is not exactly what was sealed here; NoPass; RootKeyAway.

    The laboratory is the pass's, not the row's claim: a row of another laboratory never opens.
    """
    lab_id = current().lab_id
    try:
        parts = parse(raw)
        key = key_of_version(lab_id, place.kind, parts.key_version)
    except ValueError as reason:
        raise DecryptError(place, row_id, str(reason)) from None
    except RootKeyAway:
        raise  # nothing is wrong with the value: it is a matter of trying again
    except RootKeyError as problem:
        raise DecryptError(place, row_id, f"Schlüssel nicht zu öffnen ({problem})") from None
    except KeyMissing:
        raise DecryptError(place, row_id, "unbekannte Schlüsselfassung") from None
    if not isinstance(row_id, UUID):
        raise DecryptError(place, row_id, "ohne Datensatz")
    return unseal(key.cipher, parts, place, lab_id, row_id)
