"""Argon2id, one computation for each sign-in whoever is meant.

The salt is made of the sign-in name with the program's key: unique to the name, unknown to a thief of the database.
So all accounts of one name (one person in several laboratories) are judged by one hash, and a name that nobody has
costs the same one. Hashes with a salt of their own are judged too, and replaced at the next sign-in.
"""

import secrets
import unicodedata
from base64 import b64decode
from collections.abc import Iterable
from threading import BoundedSemaphore

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from argon2.low_level import Type, hash_secret
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils.crypto import salted_hmac

_PREFIX = "argon2"
_hashing = BoundedSemaphore(2)  # each hash takes 64 MiB; more at once would starve the machine
_Recipe = tuple[int, int, int, bytes]


class Argon2id(Argon2PasswordHasher):
    """Argon2id with t=3, m=64 MiB, p=1: well above OWASP's floor, one core per attempt."""

    time_cost = 3
    memory_cost = 65536
    parallelism = 1


def normal(password: str) -> str:
    """The one form of a password (NFC): ü typed on a Mac and on Windows is the same letter."""
    return unicodedata.normalize("NFC", password)


def hash_password(password: str, sign_in_key: bytes) -> str:
    """What is stored of a password."""
    return _computed(password, _recipe_for(sign_in_key))


def matching(password: str, stored: Iterable[str], sign_in_key: bytes) -> set[str]:
    """Those of the stored hashes that this password fits. At least one hash is computed, whatever is stored."""
    hashes = set(stored)
    recipes = {recipe for each in hashes if (recipe := _recipe_of(each)) is not None} or {_recipe_for(sign_in_key)}
    computed = [_computed(password, recipe) for recipe in recipes]
    return {each for each in hashes if any(secrets.compare_digest(each, one) for one in computed)}


def is_dated(stored: str, sign_in_key: bytes) -> bool:
    """Whether a hash should be replaced: other parameters, or a salt of its own."""
    return _recipe_of(stored) != _recipe_for(sign_in_key)


def _recipe_for(sign_in_key: bytes) -> _Recipe:
    salt = salted_hmac("dentatool.password-salt", sign_in_key.hex(), algorithm="sha256").digest()[:16]
    return Argon2id.time_cost, Argon2id.memory_cost, Argon2id.parallelism, salt


def _recipe_of(stored: str) -> _Recipe | None:
    """How this hash was made, or None for what is no Argon2 hash (an account that has no password yet)."""
    prefix, _, encoded = stored.partition("$")
    if prefix != _PREFIX:
        return None
    try:
        given = extract_parameters(f"${encoded}")
    except InvalidHashError:
        return None
    salt = encoded.split("$")[3]
    return given.time_cost, given.memory_cost, given.parallelism, b64decode(salt + "=" * (-len(salt) % 4))


def _computed(password: str, recipe: _Recipe) -> str:
    time_cost, memory_cost, parallelism, salt = recipe
    with _hashing:
        made = hash_secret(normal(password).encode(), salt, time_cost, memory_cost, parallelism, 32, Type.ID)
    return f"{_PREFIX}{made.decode()}"
