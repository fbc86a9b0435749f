"""A proof in a file: true ones pass, and every change of one, at random, is found."""

import hashlib
import json
import random
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from dentatool.values.checkpoint import Checkpoint, TrailKey
from dentatool.values.merkle import consistency_proof, inclusion_proof, root_of
from dentatool.values.trail_leaf import hash_of_leaf
from dentatool.values.trail_proof import ProofError, check_proof, key_inside, lab_inside, proof_file

KEY, LAB = TrailKey(bytes(range(32))), UUID(int=7)
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def entry(number: int) -> dict[str, Any]:
    key = UUID(int=1000 + number)
    text = json.dumps({"id": str(key), "at": "2026-11-26T11:00:00.000000Z", "what": "orders_order", "number": number})
    content = hashlib.sha256(text.encode()).hexdigest()
    return {
        "seq": number,
        "id": str(key),
        "day": "2026-11-26",
        "what": "orders_order",
        "content": content,
        "text": text,
    }


ENTRIES = [entry(number) for number in range(21)]
LEAVES = [
    hash_of_leaf(LAB, UUID(each["id"]), each["day"], bytes.fromhex(each["content"]), each["what"]) for each in ENTRIES
]


def note(size: int, key: TrailKey = KEY, lab: UUID = LAB) -> str:
    return key.sign(Checkpoint(lab, size, root_of(LEAVES[:size]), NOON, NOON))


def proof(seq: int = 5, size: int = 21, earlier: int = 8) -> str:
    return proof_file(
        LAB, KEY.public, note(size),
        entry=ENTRIES[seq], path=inclusion_proof(LEAVES[:size], seq),
        earlier=note(earlier), between=consistency_proof(LEAVES[:size], earlier),
    )  # fmt: skip


def test_a_true_proof_says_what_it_proves() -> None:
    for size in (1, 2, 13, 21):
        for seq in (0, size // 2, size - 1):
            found = check_proof(proof(seq, size, max(1, size // 3)), KEY.public)
            assert found.entry and found.earlier
            assert (found.entry.seq, found.entry.text, found.checkpoint.size) == (seq, ENTRIES[seq]["text"], size)
            assert found.earlier.size == max(1, size // 3)
    assert (key_inside(proof()), lab_inside(proof())) == (KEY.public, LAB)


def test_every_change_is_found() -> None:
    """Each value in turn: one sign exchanged, taken out, or the value of another entry. 400 at random."""
    dice, true, missed = random.Random(6962), proof(), []
    for number in range(400):
        told = json.loads(true)
        holder, key = dice.choice([
            *((told, key) for key in ("lab", "public_key", "checkpoint", "earlier", "path", "between")),
            *((told["entry"], key) for key in ("seq", "id", "day", "what", "content", "text")),
        ])  # fmt: skip
        before = json.dumps(told)
        holder[key] = changed(holder[key], dice)
        if json.dumps(told) == before:
            continue
        try:
            check_proof(json.dumps(told), KEY.public)
            missed.append((number, key))
        except ProofError:
            pass

    assert missed == []


def changed(value: Any, dice: random.Random) -> Any:
    if isinstance(value, int):
        return value + dice.choice([-1, 1, 100])
    if isinstance(value, list):
        chosen = dice.randrange(len(value))
        how = dice.choice(["lose", "double", "change"])
        rest = [changed(value[chosen], dice)] if how == "change" else [value[chosen]] * 2 if how == "double" else []
        return [*value[:chosen], *rest, *value[chosen + 1 :]]
    place = dice.randrange(len(value))
    return value[:place] + dice.choice(["", "0", "f", "7", "Z"]) + value[place + 1 :]


def test_another_key_another_laboratory_and_a_tree_that_does_not_continue_prove_nothing() -> None:
    other = TrailKey(bytes(32))
    with pytest.raises(ProofError, match="anderen Schlüssel"):
        check_proof(proof(), other.public)
    told = json.loads(proof())
    with pytest.raises(ProofError, match="fremden Schlüssel"):
        check_proof(json.dumps({**told, "checkpoint": note(21, other)}), KEY.public)
    with pytest.raises(ProofError, match="anderen Protokoll"):
        check_proof(json.dumps({**told, "checkpoint": note(21, lab=UUID(int=8))}), KEY.public)
    forked = KEY.sign(Checkpoint(LAB, 8, root_of([bytes(32), *LEAVES[1:8]]), NOON, NOON))
    with pytest.raises(ProofError, match="setzt nicht fort"):
        check_proof(json.dumps({**told, "earlier": forked}), KEY.public)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"form": "dentatool-trail-proof 1"}', '{"form": "x"}'])
def test_what_is_no_proof_is_said_to_be_none(text: str) -> None:
    for ask in (lambda: check_proof(text, KEY.public), lambda: key_inside(text), lambda: lab_inside(text)):
        with pytest.raises(ProofError):
            ask()
    nothing = json.dumps(
        {"form": "dentatool-trail-proof 1", "lab": str(LAB), "public_key": KEY.public.hex(), "checkpoint": note(3)}
    )
    with pytest.raises(ProofError, match="weder einen Eintrag"):
        check_proof(nothing, KEY.public)
