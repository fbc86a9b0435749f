"""What the program makes up itself cannot be guessed: keys of authenticator apps and recovery codes."""

import base64
import math
import random

from dentatool.protection.access.internal.codes import _ALPHABET, RECOVERY_CODES, new_app_key, new_recovery_codes


def test_recovery_codes_hold_more_than_112_bits_and_none_comes_twice():
    """ASVS 5.0, V6.5.2: with so many, a plain keyed hash is enough to store them."""
    made = [code for _ in range(100) for code in new_recovery_codes()]
    letters = [code.replace("-", "") for code in made]

    assert len(set(made)) == 100 * RECOVERY_CODES
    assert {len(code) for code in letters} == {24}
    assert set("".join(letters)) == set(_ALPHABET)
    assert 24 * math.log2(len(set(_ALPHABET))) > 112


def test_a_key_of_an_app_holds_160_bits_and_none_comes_twice():
    made = {new_app_key() for _ in range(1000)}

    assert len(made) == 1000
    assert {len(base64.b32decode(key)) for key in made} == {20}


def test_whoever_knows_the_seed_of_the_random_module_knows_nothing():
    """They come from the operating system's generator, which nobody can set back."""
    drawn = []
    for _ in range(2):
        random.seed(4711)
        drawn.append((new_app_key(), tuple(new_recovery_codes())))

    assert drawn[0] != drawn[1]
