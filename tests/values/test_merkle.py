"""RFC 6962: the vectors of the reference implementation (Certificate Transparency), and what must hold for every tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dentatool.values.merkle import (
    GrowingTree,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
)

CONTENTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
LEAVES = [leaf_hash(bytes.fromhex(content)) for content in CONTENTS]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (0, 1): [],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
TREES = st.lists(st.binary(max_size=3).map(leaf_hash), min_size=1, max_size=130)


def _hex(proof: list[bytes]) -> list[str]:
    return [each.hex() for each in proof]


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_the_one_of_the_reference_implementation(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_proof_of_inclusion_is_the_one_of_the_reference_implementation(index: int, size: int) -> None:
    proof = inclusion_proof(LEAVES[:size], index)

    assert _hex(proof) == INCLUSION[index, size]
    assert is_included(LEAVES[index], index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("earlier", "later"), CONSISTENCY)
def test_the_proof_of_consistency_is_the_one_of_the_reference_implementation(earlier: int, later: int) -> None:
    proof = consistency_proof(LEAVES[:later], earlier)

    assert _hex(proof) == CONSISTENCY[earlier, later]
    assert is_consistent(earlier, bytes.fromhex(ROOTS[earlier]), later, bytes.fromhex(ROOTS[later]), proof)


@given(TREES, st.data())
def test_every_leaf_is_proven_at_its_place_and_nowhere_else(leaves: list[bytes], data: st.DataObject) -> None:
    size, root = len(leaves), root_of(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(leaves, index)

    assert is_included(leaves[index], index, size, proof, root)
    assert not is_included(leaf_hash(b"something else"), index, size, proof, root)
    assert not is_included(leaves[index], index, size, [*proof, root], root)
    for other in range(size):
        assert is_included(leaves[index], other, size, proof, root) == (
            other == index or (leaves[other] == leaves[index] and inclusion_proof(leaves, other) == proof)
        )


@given(TREES, st.data())
def test_every_tree_is_proven_to_continue_its_beginnings_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    later = len(leaves)
    earlier = data.draw(st.integers(1, later))
    proof = consistency_proof(leaves, earlier)
    old, new = root_of(leaves[:earlier]), root_of(leaves)

    assert is_consistent(earlier, old, later, new, proof)
    changed = data.draw(st.integers(0, earlier - 1))
    forged = [*leaves[:changed], leaf_hash(b"something else"), *leaves[changed + 1 :]]
    assert not is_consistent(earlier, old, later, root_of(forged), consistency_proof(forged, earlier))
    assert not is_consistent(earlier, root_of(forged[:earlier]), later, new, proof)
    if earlier < later:
        assert not is_consistent(earlier, old, later, new, [*proof, old])


@given(TREES, st.data())
def test_a_tree_goes_on_growing_from_what_was_kept_of_it(leaves: list[bytes], data: st.DataObject) -> None:
    half = data.draw(st.integers(0, len(leaves)))
    first = GrowingTree()
    for leaf in leaves[:half]:
        first.add(leaf)
    second = GrowingTree(first.size, first.peaks)
    for leaf in leaves[half:]:
        second.add(leaf)

    assert second.root == root_of(leaves)


def test_parts_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(ValueError, match="do not make a tree"):
        GrowingTree(3, [LEAVES[0]])
