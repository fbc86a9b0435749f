"""ATK-15: a thief of the database matches how often search tokens occur to how often German names do.

The thief knows the whole scheme, the true distribution of names, every token and length, but no key. Chance is what
naming everybody like the most frequent name already gets right. Run with -s to see what each attack recovers.
"""

import random
import sys
from collections import Counter
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dentatool.protection.vault.internal.ciphertext import Place
from dentatool.protection.vault.internal.fields import padded
from dentatool.protection.vault.internal.keys import Key
from dentatool.protection.vault.internal.tokens import HOMOPHONES, TOKEN_BITS, token_of

NAME = Place("orders_patient", "name")
# The head of the German distribution, per 10,000 people, rounded; the tail below follows Zipf's law.
HEAD = {
    "Müller": 95, "Schmidt": 69, "Schneider": 40, "Fischer": 35, "Meyer": 33, "Weber": 30, "Schulz": 27, "Wagner": 27,
    "Becker": 27, "Hoffmann": 26, "Schäfer": 23, "Koch": 22, "Bauer": 21, "Richter": 20, "Klein": 19, "Schröder": 18,
    "Wolf": 18, "Neumann": 17, "Schwarz": 17, "Zimmermann": 16, "Krüger": 16, "Braun": 15, "Hofmann": 15, "Schmitz": 15,
    "Hartmann": 14, "Lange": 14, "Schmitt": 13, "Werner": 13, "Krause": 12, "Meier": 12, "Lehmann": 12, "Schmid": 12,
    "Schulze": 11, "Maier": 11, "Köhler": 11, "Herrmann": 10, "Walter": 10, "König": 10, "Mayer": 10, "Huber": 10,
}  # fmt: skip
TAIL = 6_000
FIRST_NAMES = [
    "Thomas", "Michael", "Andreas", "Peter", "Stefan", "Christian", "Hans", "Klaus", "Wolfgang", "Martin", "Maria",
    "Sabine", "Petra", "Monika", "Ursula", "Anna", "Andrea", "Claudia", "Renate", "Birgit", "Lena", "Julia", "Laura",
    "Lea", "Emma", "Mia", "Ben", "Paul", "Leon", "Finn", "Jonas", "Felix", "Lukas", "Max", "Elias", "Noah", "Karin",
    "Gabriele", "Susanne", "Heike", "Angelika", "Jan", "Frank", "Uwe", "Jürgen", "Bernd", "Dieter", "Werner",
    "Heinz", "Gerhard", "Ingrid", "Helga",
]  # fmt: skip


def surnames():
    """Name → weight; the tail holds what the head leaves of 10,000."""
    weights = {name: float(weight) for name, weight in HEAD.items()}
    rest = 10_000 - sum(weights.values())
    tail = [1 / (rank + 60) for rank in range(TAIL)]
    scale = rest / sum(tail)
    weights.update({f"Name{rank}": weight * scale for rank, weight in enumerate(tail)})
    return weights


def whole_names():
    """Surname and first name → weight, the first names falling off by Zipf's law."""
    first = {name: 1 / (rank + 3) for rank, name in enumerate(FIRST_NAMES)}
    return {
        f"{surname}, {name}": weight * share for surname, weight in surnames().items() for name, share in first.items()
    }


def drawn(weights, count, seed):
    """Patients of one laboratory."""
    return random.Random(seed).choices(list(weights), list(weights.values()), k=count)


def ours(names, seed):
    """What lies open in a row: the token as the vault makes it, with a random homophone, and the value's length."""
    dice, key = random.Random(seed), Key(1, sha256(str(seed).encode()).digest(), AESGCM(bytes(32)))
    made = {}
    for name in names:
        pick = name, dice.randrange(HOMOPHONES)
        if pick not in made:
            made[pick] = token_of(key, NAME, *pick) + len(padded(name)).to_bytes(2, "big")
        yield made[pick]


def naive(names, seed):
    """What a full-length deterministic index would store: the control that shows that the attacks work."""
    return [sha256(f"{seed}{name}".encode()).digest() for name in names]


def by_rank(tokens, weights, homophones):
    """The most frequent tokens are the most frequent names, one after the other; the rest is guessed as the first."""
    ranked_names = sorted(weights, key=weights.__getitem__, reverse=True)
    ranked_tokens = [token for token, _count in Counter(tokens).most_common()]
    guess = {token: ranked_names[place // homophones] for place, token in enumerate(ranked_tokens)}
    return [guess[token] for token in tokens]


def by_height(tokens, weights, homophones):
    """Only tokens that stand out are named, each after the frequent name whose expected height is nearest."""
    total, count, heights = sum(weights.values()), len(tokens), Counter(tokens)
    ground = count / 2**TOKEN_BITS if homophones > 1 else 0  # what other names add to a truncated token
    ranked = sorted(weights, key=weights.__getitem__, reverse=True)[:50]
    guess = {}
    for height in set(heights.values()):
        guess[height] = min(ranked, key=lambda name: abs(ground + weights[name] / total * count / homophones - height))
    return [guess[heights[token]] for token in tokens]


def top_only(tokens, weights, homophones):
    """The tallest tokens are the most frequent name's, the next tallest the second's; everybody else is the first's."""
    ranked = sorted(weights, key=weights.__getitem__, reverse=True)[:5]
    tallest = [token for token, _count in Counter(tokens).most_common(len(ranked) * homophones)]
    guess = {token: ranked[place // homophones] for place, token in enumerate(tallest)}
    return [guess.get(token, ranked[0]) for token in tokens]


ATTACKS = (by_rank, by_height, top_only)


def best_attack(make_tokens, weights, count, homophones, rounds=3):
    """Share of patients named rightly by the best attack, and by chance, over some laboratories."""
    right, chance = Counter(), 0.0
    favourite = max(weights, key=weights.__getitem__)
    for seed in range(rounds):
        names = drawn(weights, count, seed)
        tokens = list(make_tokens(names, seed))
        chance += names.count(favourite) / count / rounds
        for attack in ATTACKS:
            guesses = attack(tokens, weights, homophones)
            hits = sum(guess == name for guess, name in zip(guesses, names, strict=True))
            right[attack.__name__] += hits / count / rounds
    name, share = max(right.items(), key=lambda pair: pair[1])
    return name, share, chance


@pytest.mark.slow
@pytest.mark.parametrize("count", [20_000, 2_000, 200])
@pytest.mark.parametrize("kind", ["whole names", "surnames alone"])
def test_tokens_give_away_at_most_one_per_cent_more_than_chance(count, kind, capsys):
    weights = whole_names() if kind == "whole names" else surnames()

    attack, share, chance = best_attack(ours, weights, count, HOMOPHONES)

    with capsys.disabled():
        sys.stdout.write(
            f"\n  ATK-15 {kind}, {count} patients: best attack {attack} {share:.2%}, chance {chance:.2%}\n"
        )
    assert share <= chance + 0.01


@pytest.mark.slow
def test_the_same_attacks_do_break_a_naive_index(capsys):
    """Otherwise the test above would prove nothing."""
    attack, share, chance = best_attack(naive, surnames(), 20_000, 1)

    with capsys.disabled():
        sys.stdout.write(f"\n  ATK-15 control, naive index: best attack {attack} {share:.2%}, chance {chance:.2%}\n")
    assert share > chance + 0.01
