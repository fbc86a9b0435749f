"""What of an entry goes into the tree of a sealed trail: the same for the database's entries and for an export of them."""

from uuid import UUID

from dentatool.values.merkle import leaf_hash


def hash_of_leaf(tree: UUID, entry: UUID, day: str, content: bytes, what: str) -> bytes:
    """The leaf's hash. The entry's own text is in it as a checksum, so that it stays provable when its text is gone.

    Day (2026-11-25) and name stand beside: they say whether an entry that is no longer there had been kept long enough.
    """
    return leaf_hash(f"dentatool-trail 1\n{tree}\n{entry}\n{day}\n{content.hex()}\n{what}".encode())
