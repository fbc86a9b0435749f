"""Sealed fields.

Promise: what is sealed is readable only with the laboratory's key and only in its own place
(laboratory, table, column, row); the database, its dumps, logs and the trail hold ciphertext.

How it could be broken: by whoever holds the root key file and the database together.
Tests that try: tests/protection/vault, tests/attack/test_atk_13 … test_atk_16.
"""

from dentatool.protection.vault.internal.ciphertext import DecryptError
from dentatool.protection.vault.internal.fields import SealedDate, SealedFile, SealedText
from dentatool.protection.vault.internal.search import find_sealed

__all__ = ["DecryptError", "SealedDate", "SealedFile", "SealedText", "find_sealed"]
