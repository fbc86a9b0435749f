"""A Merkle tree as in RFC 6962, section 2.1 (SHA-256): what is once in it cannot be changed, taken out or moved unseen.

Two proofs: that a leaf is in the tree (inclusion), and that a tree is the beginning of a later one (consistency). Both
are some twenty hashes for a million leaves.
Tests that try: tests/values/test_merkle.py, against the vectors of the reference implementation.
"""

import hashlib
from collections.abc import Iterable, Sequence

HASH_BYTES = 32


def leaf_hash(content: bytes) -> bytes:
    """A prefix of its own, so that no inner node passes for a leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The parent of two nodes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class GrowingTree:
    """A tree of which only the tops of its complete parts are kept: enough to add leaves and to know the root."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)
        if len(self.peaks) != size.bit_count():
            raise ValueError(f"{len(self.peaks)} parts do not make a tree of {size} leaves")

    def add(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        self.peaks.append(leaf)
        self.size += 1
        rest = self.size
        while rest % 2 == 0:
            right = self.peaks.pop()
            self.peaks[-1] = node_hash(self.peaks[-1], right)
            rest //= 2

    @property
    def root(self) -> bytes:
        """The hash of the whole; of nothing, that of the empty string."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        found = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            found = node_hash(peak, found)
        return found


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes."""
    tree = GrowingTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, 2.1.1: the neighbours from the leaf up to the root."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"there is no leaf {index} among {len(leaves)}")
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*inclusion_proof(leaves[:half], index), root_of(leaves[half:])]
    return [*inclusion_proof(leaves[half:], index - half), root_of(leaves[:half])]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Does the proof lead from this leaf at this place to this root? (RFC 9162, 2.1.3.2)"""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for neighbour in proof:
        if last == 0:
            return False
        if place % 2 or place == last:
            found = node_hash(neighbour, found)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            found = node_hash(found, neighbour)
        place, last = place // 2, last // 2
    return last == 0 and found == root


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> list[bytes]:
    """PROOF(m, D[n]) of RFC 6962, 2.1.2: that the first `earlier` leaves are as they were."""
    if not 0 < earlier <= len(leaves):
        raise ValueError(f"a tree of {len(leaves)} leaves has no beginning of {earlier}")
    return _subproof(leaves, earlier, is_whole=True)


def _subproof(leaves: Sequence[bytes], earlier: int, *, is_whole: bool) -> list[bytes]:
    if earlier == len(leaves):
        return [] if is_whole else [root_of(leaves)]
    half = _half(len(leaves))
    if earlier <= half:
        return [*_subproof(leaves[:half], earlier, is_whole=is_whole), root_of(leaves[half:])]
    return [*_subproof(leaves[half:], earlier - half, is_whole=False), root_of(leaves[:half])]


def is_consistent(earlier: int, root: bytes, later: int, later_root: bytes, proof: Sequence[bytes]) -> bool:
    """Is the tree of `later` leaves a continuation of the one of `earlier`? (RFC 9162, 2.1.4.2)"""
    if not 0 < earlier <= later:
        return False
    if earlier == later:
        return not proof and root == later_root
    path = [root, *proof] if earlier.bit_count() == 1 else list(proof)
    if not path:
        return False
    place, last = earlier - 1, later - 1
    while place % 2:
        place, last = place // 2, last // 2
    old = new = path[0]
    for neighbour in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            old, new = node_hash(neighbour, old), node_hash(neighbour, new)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            new = node_hash(new, neighbour)
        place, last = place // 2, last // 2
    return last == 0 and old == root and new == later_root


def _half(size: int) -> int:
    """The largest power of two that is smaller."""
    return 1 << ((size - 1).bit_length() - 1)
