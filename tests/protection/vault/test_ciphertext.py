"""Sealing one value: known answers, and nothing opens that is not exactly what was sealed here."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from dentatool.protection.vault.internal import ciphertext
from dentatool.protection.vault.internal.ciphertext import Ciphertext, DecryptError, Parts, Place, parse, seal, unseal
from dentatool.protection.vault.internal.keys import Key
from dentatool.protection.vault.internal.tokens import HOMOPHONES, TOKEN_BITS, keyed_hash, token_of

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "crypto"
LAB, ROW = UUID(int=1), UUID(int=2)
NAME = Place("orders_patient", "name")
CIPHER = AESGCM(bytes(range(32)))


def vectors(file):
    """Published test vectors; they are not part of the repository."""
    if not (VECTORS / file).exists():
        pytest.skip(f"KNOWN ANSWERS NOT CHECKED: {VECTORS / file} is not on this machine")
    return json.loads((VECTORS / file).read_text())["testGroups"]


_two_names = st.lists(st.text("ab", max_size=3), min_size=2, max_size=2)


class PlaceOfVector(Place):
    """Stands in for a place whose binding is the vector's additional data."""

    def binding(self, *_facts):
        return bytes.fromhex(self.column)


def test_aes_256_gcm_gives_the_published_answers(monkeypatch):
    groups = vectors("aes_gcm_test.json")
    tried = {"valid": 0, "invalid": 0}
    for group in groups:
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        for case in group["tests"]:
            cipher, place = AESGCM(bytes.fromhex(case["key"])), PlaceOfVector("t", case["aad"])
            stored = bytes.fromhex("01" + "00000007" + case["iv"] + case["ct"] + case["tag"])
            tried[case["result"]] += 1
            if case["result"] == "valid":
                monkeypatch.setattr(ciphertext.os, "urandom", lambda _count, iv=case["iv"]: bytes.fromhex(iv))
                plain = bytes.fromhex(case["msg"])
                assert unseal(cipher, parse(stored), place, LAB, ROW) == plain, case["tcId"]
                assert seal(cipher, plain, place, LAB, ROW, 7) == stored, case["tcId"]
            else:
                with pytest.raises(DecryptError):
                    unseal(cipher, parse(stored), place, LAB, ROW)

    assert tried["valid"] > 30, tried
    assert tried["invalid"] > 20, tried


def test_hmac_sha256_gives_the_published_answers():
    tried = 0
    for group in vectors("hmac_sha256_test.json"):
        for case in group["tests"]:
            digest = keyed_hash(bytes.fromhex(case["key"]), bytes.fromhex(case["msg"]))[: group["tagSize"] // 8]
            assert (digest.hex() == case["tag"]) == (case["result"] == "valid"), case["tcId"]
            tried += 1

    assert tried > 100


@given(st.binary(max_size=300), st.uuids(), st.uuids(), st.integers(1, 2**32 - 1), st.sampled_from([b"", b"abc"]))
def test_what_was_sealed_opens_to_the_same_bytes(plain, lab_id, row_id, version, token):
    stored = seal(CIPHER, plain, NAME, lab_id, row_id, version, token)
    parts = parse(stored)

    assert unseal(CIPHER, parts, NAME, lab_id, row_id) == plain
    assert (parts.key_version, parts.token) == (version, token)
    assert len(stored) == 1 + len(token) + 4 + 12 + len(plain) + 16


@given(st.binary(max_size=40))
def test_the_same_value_never_looks_the_same_twice(plain):
    assert seal(CIPHER, plain, NAME, LAB, ROW, 1) != seal(CIPHER, plain, NAME, LAB, ROW, 1)


@pytest.mark.parametrize("token", [b"", b"\x01\x02\x03"])
def test_every_single_flipped_bit_is_noticed(token):
    stored = seal(CIPHER, "Änne Müller".encode(), NAME, LAB, ROW, 1, token)
    for bit in range(len(stored) * 8):
        broken = bytearray(stored)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises((DecryptError, ValueError)):
            unseal(CIPHER, parse(bytes(broken)), NAME, LAB, ROW)


def test_every_shortened_or_lengthened_value_is_noticed():
    stored = seal(CIPHER, b"Otto", NAME, LAB, ROW, 1)
    for broken in [stored[:cut] for cut in range(len(stored))] + [stored + b"\0", b"\1" * 1_000_000, b"\2" * 1_000_000]:
        with pytest.raises((DecryptError, ValueError)):
            unseal(CIPHER, parse(broken), NAME, LAB, ROW)


@given(st.binary(max_size=200))
def test_noise_is_never_taken_for_a_value(noise):
    with pytest.raises((DecryptError, ValueError)):
        unseal(CIPHER, parse(noise), NAME, LAB, ROW)


@pytest.mark.parametrize(
    ("place", "lab_id", "row_id"),
    [
        (NAME, UUID(int=9), ROW),
        (NAME, LAB, UUID(int=9)),
        (NAME, ROW, LAB),
        (Place("orders_patient", "remarks"), LAB, ROW),
        (Place("orders_order", "name"), LAB, ROW),
        (Place("orders_patientn", "ame"), LAB, ROW),
        (Place("orders_patient", "name", "file"), LAB, ROW),
    ],
)
def test_a_value_opens_nowhere_but_in_its_own_place(place, lab_id, row_id):
    stored = seal(CIPHER, b"Otto", NAME, LAB, ROW, 1)

    with pytest.raises(DecryptError):
        unseal(CIPHER, parse(stored), place, lab_id, row_id)


@given(_two_names, _two_names)
def test_two_places_never_share_a_binding(one, other):
    assert (Place(*one).head == Place(*other).head) == (one == other)


def test_another_laboratorys_key_opens_nothing():
    stored = seal(CIPHER, b"Otto", NAME, LAB, ROW, 1)

    with pytest.raises(DecryptError) as refused:
        unseal(AESGCM(bytes(32)), parse(stored), NAME, LAB, ROW)
    assert str(refused.value) == f"orders_patient.name, Datensatz {ROW}: verändert oder von anderer Stelle"


def test_neither_a_key_nor_a_ciphertext_shows_what_it_holds():
    assert repr(Key(3, b"secret", CIPHER)) == "<Schlüssel 3>"
    assert repr(Ciphertext(b"secret", NAME)) == "<versiegelt: orders_patient.name>"
    assert "secret" not in f"{Ciphertext(b'secret')} {DecryptError(NAME, ROW, 'leer')}"
    assert isinstance(parse(seal(CIPHER, b"", NAME, LAB, ROW, 1)), Parts)


def key(version=1, secret=b"index key"):
    return Key(version, secret, CIPHER)


def test_a_token_is_ten_bits_behind_the_version_of_its_key():
    tokens = {token_of(key(), NAME, f"Name {place}", 0) for place in range(20_000)}

    assert {len(token) for token in tokens} == {3}
    assert {token[0] for token in tokens} == {1}
    assert {int.from_bytes(token[1:], "big") for token in tokens} == set(range(2**TOKEN_BITS))


def test_one_name_has_one_token_in_every_spelling_and_order():
    spellings = ["Müller, Eva", "eva mueller", "EVA  MULLER", "Muller-Eva"]

    assert len({token_of(key(), NAME, spelling, 3) for spelling in spellings}) == 1


def test_tokens_of_other_laboratories_fields_and_homophones_are_unrelated():
    names = [f"Name {place}" for place in range(2000)]
    base = [token_of(key(), NAME, name, 0)[1:] for name in names]
    others = (
        [token_of(key(secret=b"other"), NAME, name, 0)[1:] for name in names],
        [token_of(key(), Place("orders_patient", "alias"), name, 0)[1:] for name in names],
        *([token_of(key(), NAME, name, homophone)[1:] for name in names] for homophone in range(1, HOMOPHONES)),
    )
    for other in others:
        assert sum(one == two for one, two in zip(base, other, strict=True)) < 20  # by chance: 2
