"""Sealed fields: names, birth dates and free text about patients, readable only where they belong.

Promise: what is sealed opens only with the laboratory's own key, under that laboratory's pass, and only in its own
place (laboratory, table, column, row). Database, dumps, WAL, server log and trail hold ciphertext. A sealed name is
nevertheless found by every spelling and part of it. What was changed or moved is an error, never a wrong value.

How: AES-256-GCM; one ring of keys per laboratory (data, index, file), each covered by the laboratory's secret and wrapped by
a root key, both outside the database; new keys while everybody works (protection/key_rotation.py); decryption when a value
is read; search by decrypting and matching in the process.

How it could be broken:
- by whoever holds the root key file and the database together, or runs code inside the program;
- by the database's owner putting back an older ciphertext of the same row, or emptying a value: both are genuine
  to the cipher and contradict the trail;
- by counting: lengths of values are visible, and search tokens give away at most one per cent more than chance.
Tests that try: tests/protection/vault, tests/attack/test_atk_13 … test_atk_16. Why it is so:
docs/decisions/sealed-fields.md.
"""

from dentatool.protection.vault.internal.ciphertext import DecryptError
from dentatool.protection.vault.internal.fields import SealedDate, SealedFile, SealedText
from dentatool.protection.vault.internal.search import find_sealed

__all__ = ["DecryptError", "SealedDate", "SealedFile", "SealedText", "find_sealed"]
