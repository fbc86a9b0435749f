"""A checkpoint says what was signed, for this trail, with this key, or nothing."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from dentatool.values.checkpoint import Checkpoint, CheckpointError, TrailKey, open_checkpoint

KEY, OTHER = TrailKey(b"k" * 32), TrailKey(b"o" * 32)
TREE = UUID("0192d7b0-0000-7000-8000-000000000001")
MADE = Checkpoint(
    TREE, 12, b"r" * 32, datetime(2026, 11, 25, 18, 0, 1, 5, UTC), datetime(2026, 11, 25, 17, 59, tzinfo=UTC)
)


def test_what_was_signed_is_read_again() -> None:
    assert open_checkpoint(KEY.sign(MADE), KEY.public, TREE) == MADE


def test_it_has_the_form_of_a_signed_note() -> None:
    origin, size, root, *_ours, empty, signature = KEY.sign(MADE).removesuffix("\n").split("\n")

    assert origin.startswith("dentatool.trail/") and origin.endswith(str(TREE))
    assert (size, root, empty) == ("12", "cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=", "")
    assert signature.startswith("— dentatool ")


@pytest.mark.parametrize("place", range(0, 330, 7))
def test_no_letter_of_it_can_be_changed(place: int) -> None:
    note = KEY.sign(MADE)
    place %= len(note) - 1
    changed = note[:place] + ("A" if note[place] != "A" else "B") + note[place + 1 :]

    with pytest.raises(CheckpointError):
        open_checkpoint(changed, KEY.public, TREE)


def test_another_key_or_another_trail_is_told() -> None:
    with pytest.raises(CheckpointError, match="fremden Schlüssel"):
        open_checkpoint(OTHER.sign(MADE), KEY.public, TREE)
    with pytest.raises(CheckpointError, match="anderen Protokoll"):
        open_checkpoint(KEY.sign(MADE), KEY.public, UUID(int=1))


@pytest.mark.parametrize(
    "text", ["", "\n", "x" * 50, "a\n1\nQQ==\nzeit x\nbis y\n\n— dentatool AA==\n", "— dentatool "]
)
def test_anything_else_is_no_checkpoint(text: str) -> None:
    with pytest.raises(CheckpointError, match="kein vollständiger"):
        open_checkpoint(text, KEY.public, TREE)
