"""Which passwords are refused, and in which words. No composition rules, no forced change (NIST 800-63B, TOM 2.3).

Offline: the lists of common passwords and words are zxcvbn's and Django's, both in their packages.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

from dentatool.protection.access.internal.hashing import normal

SHORTEST, SHORTEST_ALONE, LONGEST = 12, 15, 256
ENOUGH = 3  # zxcvbn: safely unguessable, more than 10^8 guesses
_JUDGED = 72  # zxcvbn takes no more; what comes after can only help
# Words of this trade, which everybody who guesses at a dental laboratory tries first.
_TRADE = (
    "dentatool", "dentallabor", "dental", "labor", "zahntechniker", "zahntechnikerin", "zahntechnik", "zahnarzt",
    "zahnärztin", "zahn", "praxis", "krone", "prothese", "passwort", "password", "kennwort", "anmelden", "geheim",
    "willkommen", "test", "admin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a password. `score` is zxcvbn's 0 to 4, `reason` empty when it will do."""

    score: int
    reason: str = ""


def judge(password: str, *, context: Iterable[str], shortest: int) -> Verdict:
    """Whether this password will do. `context`: names of the laboratory and the person, their sign-in name."""
    password = normal(password)
    words = {*_TRADE, *(word for text in context for word in re.findall(r"\w{3,}", text.casefold()))}
    score = zxcvbn(password[:_JUDGED], user_inputs=sorted(words))["score"] if password else 0
    if len(password) < shortest:
        return Verdict(min(score, 2), f"Bitte mindestens {shortest} Zeichen. Mehrere Wörter hintereinander sind gut.")
    if len(password) > LONGEST:
        return Verdict(score, f"Bitte höchstens {LONGEST} Zeichen.")
    if _is_common(password):
        return Verdict(0, "Dieses Passwort steht auf Listen, die beim Raten zuerst durchprobiert werden.")
    rest = _without(password.casefold(), words)
    if rest != password.casefold() and zxcvbn(rest[:_JUDGED] or "a")["score"] < ENOUGH:
        return Verdict(
            min(score, 2),
            "Dieses Passwort besteht vor allem aus Namen und Wörtern Ihres Labors oder Berufs. "
            "Nehmen Sie Wörter, die nichts damit zu tun haben.",
        )
    if score < ENOUGH:
        return Verdict(
            score, "Dieses Passwort ist zu leicht zu erraten. Vier zufällige Wörter hintereinander sind gut."
        )
    return Verdict(score)


@cache
def _common() -> CommonPasswordValidator:
    return CommonPasswordValidator()


def _is_common(password: str) -> bool:
    try:
        _common().validate(password)
    except ValidationError:
        return True
    return False


def _without(password: str, words: Iterable[str]) -> str:
    """What is left besides the words of the surroundings and a year."""
    for word in sorted(words, key=len, reverse=True):
        password = password.replace(word, "")
    return re.sub(r"(19|20)\d\d", "", password)
