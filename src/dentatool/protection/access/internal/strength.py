"""Which passwords are refused, and in which words. No composition rules, no forced change (NIST 800-63B, TOM 2.3).

Offline: the lists of common passwords and words are zxcvbn's and Django's, both in their packages, a list of German
words of our own (german_words.txt), and the operator's file of published passwords if there is one.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from zxcvbn import matching, scoring, zxcvbn

from dentatool.protection.access.internal.hashing import normal
from dentatool.protection.published import Unusable, published_passwords

log = logging.getLogger("dentatool.strength")

SHORTEST, SHORTEST_ALONE, LONGEST = 12, 15, 256
ENOUGH = 3  # zxcvbn: safely unguessable, more than 10^8 guesses
# zxcvbn adds 10,000 guesses for each further part, so that three parts always do: „Sommer“, „2026“, „!!“. So a second look
# counts the parts alone, after what people add without being harder to guess. Four words of our own list have more.
ENOUGH_GUESSES = 10**9
_PUNCTUATION = r"[!-/:-@\[-`{-~\s]"
_ADDED = re.compile(
    rf"(?:19|20)\d\d|(?<=({_PUNCTUATION}))\1+|\A{_PUNCTUATION}{{1,4}}(?=\w)|(?<=\w){_PUNCTUATION}{{1,4}}\Z"
)
_GERMAN = Path(__file__).with_name("german_words.txt")
_estimating = Lock()  # zxcvbn keeps the words of its caller in a dictionary of the whole process
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
    score = _score(password, words)
    if len(password) < shortest:
        return Verdict(min(score, 2), f"Bitte mindestens {shortest} Zeichen. Mehrere Wörter hintereinander sind gut.")
    if len(password) > LONGEST:
        return Verdict(score, f"Bitte höchstens {LONGEST} Zeichen.")
    if _is_common(password):
        return Verdict(0, "Dieses Passwort steht auf Listen, die beim Raten zuerst durchprobiert werden.")
    if (published := _is_published(password)) is None:
        return Verdict(min(score, 2), "Neue Passwörter lassen sich gerade nicht prüfen. Bitte versuchen Sie es später.")
    if published:
        return Verdict(
            0, "Dieses Passwort wurde schon einmal veröffentlicht; wer rät, kennt es. Nehmen Sie ein anderes."
        )
    rest = _without(password.casefold(), words)
    if any(word in password.casefold() for word in words) and _score(rest, ()) < ENOUGH:
        return Verdict(
            min(score, 2),
            "Dieses Passwort besteht vor allem aus Namen und Wörtern Ihres Labors oder Berufs. "
            "Nehmen Sie Wörter, die nichts damit zu tun haben.",
        )
    if score < ENOUGH or _guesses(_ADDED.sub("", password), words) < ENOUGH_GUESSES:
        return Verdict(
            min(score, 2),
            "Dieses Passwort ist zu leicht zu erraten; Jahreszahlen und Satzzeichen helfen wenig. Vier zufällige Wörter "
            "hintereinander sind gut.",
        )
    return Verdict(score)


def is_long_enough_alone(password: str) -> bool:
    """Whether this password may be all that its person gives: without a second factor it has to be longer."""
    return len(normal(password)) >= SHORTEST_ALONE


def _score(password: str, words: Iterable[str]) -> int:
    """zxcvbn's 0 to 4, with German words beside the English ones."""
    if not password:
        return 0
    with _estimating:
        _speak_german()
        found: int = zxcvbn(password[:_JUDGED], user_inputs=sorted(words))["score"]
    return found


def _guesses(password: str, words: Iterable[str]) -> float:
    """How many guesses its parts are worth, each by its place in a list or its pattern."""
    if not password:
        return 0
    judged = password[:_JUDGED]
    with _estimating:
        _speak_german()
        matching.add_frequency_lists({"user_inputs": sorted(words)})
        found = scoring.most_guessable_match_sequence(judged, matching.omnimatch(judged), _exclude_additive=True)
    return float(found["guesses"])


@cache
def _speak_german() -> None:
    lines = _GERMAN.read_text(encoding="utf-8").splitlines()
    listed = [word for line in lines if not line.startswith("#") for word in line.split()]
    spellings = (spelling for word in listed for spelling in (word, _without_umlauts(word)))
    matching.add_frequency_lists({"german": list(dict.fromkeys(spellings))})


def _without_umlauts(word: str) -> str:
    return word.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")


def _is_published(password: str) -> bool | None:
    """Whether the operator's file holds it; None if the file cannot be read any more."""
    try:
        published = published_passwords(settings.DENTATOOL_PUBLISHED_PASSWORDS)
        return published is not None and published.hold(password)
    except (OSError, Unusable):
        log.critical("the file of published passwords cannot be read", exc_info=True)
        return None


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
