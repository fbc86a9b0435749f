"""Passwords: long, hard to guess, nobody else's business, and never asked to change."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest
from django import forms
from django.utils import timezone

from dentatool.protection.access.internal.strength import LONGEST, SHORTEST, SHORTEST_ALONE, judge
from harness.laboratories import nobody_client
from pages.test_matrix import every_form

PAGE = "/konto/passwort/"
GOOD = "grünspecht tanzt nachts rückwärts"
CONTEXT = ["Dentallabor Anna Huber", "Inhaberin Waltraud Sonnenschein", "w.sonnenschein@labor-huber.example"]


def judged(password, shortest=SHORTEST_ALONE):
    return judge(password, context=CONTEXT, shortest=shortest)


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "GRÜNSPECHT TANZT NACHTS",
        "🦷🔥🐧🌵🎈🚲🧀🪁🦊🍩🐙🎲🥁🛶🌋",
        "漢字で書いた長いパスワードです歯",
        "  viele   blanke   zeichen  ",
    ],
)
def test_length_is_all_that_is_demanded_of_the_shape(password):
    """Without capitals, without digits, without letters at all."""
    assert judged(password).reason == ""


def test_too_short_and_too_long_are_refused_by_number():
    fine = "qv7 wxkz uf3 pmry"

    assert "mindestens 15" in judged(fine[: SHORTEST_ALONE - 1]).reason
    assert judged(fine[:SHORTEST], SHORTEST).reason == ""
    assert "mindestens 12" in judged(fine[: SHORTEST - 1], SHORTEST).reason
    assert judged("qv7wxkzuf3pmry " * 17).reason == ""
    assert "höchstens 256" in judged("x" * (LONGEST + 1)).reason


@pytest.mark.parametrize(
    "password",
    ["1q2w3e4r5t6y", "passwordpassword", "123456789012345", "qwertyuiop123456", "iloveyouiloveyou", "a" * 20],
)
def test_what_everybody_tries_first_is_refused(password):
    assert judged(password, SHORTEST).reason


@pytest.mark.parametrize(
    "password",
    [
        "Dentallabor2026!",
        "AnnaHuber-AnnaHuber",
        "Sonnenschein1987",
        "Zahntechnik-Krone",
        "DentaTool-Passwort-1",
        "labor-huber.example",
    ],
)
def test_words_of_the_laboratory_and_the_trade_are_refused(password):
    assert judged(password, SHORTEST).reason


def sign_in(lab, role, password):
    answer = nobody_client().post("/anmelden/", {"name": lab.member(role).sign_in_name, "password": password})
    return answer.status_code


def test_a_weak_new_password_is_refused_with_the_reason_and_nothing_changes(anna):
    answer = anna.client("technician").post(PAGE, {"old": anna.technician.password, "new": "Dentallabor-2026"})

    assert answer.status_code == 422
    assert "Wörtern Ihres Labors" in answer.content.decode()
    assert sign_in(anna, "technician", anna.technician.password) == 302


def test_a_password_never_grows_old(anna, superuser):
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_account set created_at = %s, changed_at = %s where id = %s",
        [timezone.now() - timedelta(days=3650)] * 2 + [anna.technician.id],
    )
    superuser.execute("set session_replication_role = origin")

    assert sign_in(anna, "technician", anna.technician.password) == 302


def secret_fields():
    """Every field of the program's forms whose name or label is about a secret of signing in."""
    about = re.compile(r"passw|kennwort|secret|geheim", re.IGNORECASE)
    for form in every_form():
        for name, field in form.base_fields.items():
            if about.search(f"{name} {field.label}"):
                yield f"{form.__name__}.{name}", field


def test_password_fields_hide_what_is_typed_and_let_managers_help():
    found = dict(secret_fields())

    assert {"SignInForm.password", "ChangePasswordForm.old", "ChangePasswordForm.new", "JoinForm.password"} <= set(
        found
    )
    for name, field in found.items():
        assert isinstance(field.widget, forms.PasswordInput), name
        assert not field.strip, name
        assert "onpaste" not in field.widget.attrs, name
        if name != "ProviderForm.client_secret":  # no person's: managers must not offer one
            assert field.widget.attrs["autocomplete"] in ("current-password", "new-password"), name


def test_nobody_sets_the_password_of_somebody_else_and_there_are_no_hints():
    """The only places where a password is typed: signing in, confirming, changing one's own, and the two links."""
    new = {name for name, field in secret_fields() if field.widget.attrs.get("autocomplete") == "new-password"}
    hints = re.compile(r"hint|merkhilfe|frage|antwort|question", re.IGNORECASE)

    assert new == {"NewPasswordForm.new", "ChangePasswordForm.new", "LastFactorForm.new", "JoinForm.password"}
    for form in every_form():
        if form.__module__.startswith("dentatool.team"):
            assert not [name for name, field in form.base_fields.items() if hints.search(f"{name} {field.label}")]


@pytest.mark.parametrize(
    "password",
    [
        "Sommer2026!!xyz",
        "Frühling-2025!!",
        "Fruehling2025!?",
        "Weihnachten2026!!",
        "Dezember2026#Januar",
        "HerbstWinter2026",
        "Schalke04Forever!",
        "BorussiaDortmund09",
        "FCBayernMuenchen1900",
        "Maximilian-Hannover96",
        "Katharina19871987",
        "Lukas-Leon-2019!",
        "IchLiebeDich2026!",
        "HalloSchatz123456",
        "Muttertag2026!!!!",
        "Schatzi-Mausi-2024",
        "Gartenzwerg2024!!",
    ],
)
def test_what_germans_make_passwords_of_is_refused_whatever_year_and_marks_are_added(password):
    assert "leicht zu erraten" in judge(password, context=[], shortest=SHORTEST_ALONE).reason


DICE = re.findall(
    r"\w+",
    "abend ahorn anker apfel bach balkon bart becher berg besen biene birke blech boden bohne brief brunnen burg clown dach "
    "daumen deich docht dorf draht duft ecke efeu eimer elch ente erbse esel eule faden farn feder feld ferse filz fink "
    "fleck floh flut frosch fuchs furche gabel garn gasse geige glas gnom graben gras grotte gurke gurt hafen hagel hammer",
)


@pytest.mark.parametrize("between", [" ", "-", "", "."])
def test_four_random_words_of_a_dice_list_will_do(between):
    """Short and frequent words, most of them in our own list."""
    random = Random(2026)

    phrases = [between.join(random.choice(DICE) for _ in range(4)) for _ in range(60)]
    long_enough = [phrase for phrase in phrases if len(phrase) >= SHORTEST_ALONE]

    assert len(long_enough) > 50
    assert [phrase for phrase in long_enough if judge(phrase, context=[], shortest=SHORTEST_ALONE).reason] == []


@pytest.mark.parametrize("password", ["x#9!K&$p@2^Lq*7", "%$§&/(=?!)+*~#'", "kV3tQ9sLw2XmB8z", "fu4 qozra Wib 81"])
def test_what_a_password_manager_makes_will_do(password):
    assert judge(password, context=[], shortest=SHORTEST_ALONE).reason == ""


def test_two_people_who_type_at_once_are_judged_by_their_own_laboratorys_words():
    """zxcvbn keeps its caller's words in one place for the whole process."""
    word = "Quarzhimmelfalterlampe"

    with ThreadPoolExecutor(4) as threads:
        scores = list(
            threads.map(lambda place: judge(word, context=[word] if place % 2 else [], shortest=15).score, range(40))
        )

    assert {min(scores[1::2]), max(scores[1::2])} <= {0, 1, 2}
    assert set(scores[::2]) == {4}


# Published passwords: a file of the operator's.
def lines_of(passwords, more=20_000):
    """As Have I Been Pwned writes it, with as many others between."""
    random = Random(12)
    hashes = {hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper() for password in passwords}
    hashes |= {f"{random.getrandbits(160):040X}" for _ in range(more)}
    return [f"{each}:{random.randrange(1, 10 ** random.randrange(1, 8))}" for each in sorted(hashes)]


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Name such a file in the settings."""
    from django.conf import settings

    file = tmp_path / "pwned.txt"

    def supply(*passwords):
        file.write_text("\r\n".join(lines_of(passwords)) + "\r\n")
        monkeypatch.setattr(settings, "DENTATOOL_PUBLISHED_PASSWORDS", str(file))
        return file

    return supply


def test_a_password_that_was_published_is_refused_however_good_it_looks(anna, published):
    published(GOOD)

    answer = anna.client("technician").post(PAGE, {"old": anna.technician.password, "new": GOOD})

    assert answer.status_code == 422
    assert "schon einmal veröffentlicht" in answer.content.decode()
    assert judged(f"{GOOD}!").reason == ""


def test_where_the_file_is_gone_no_new_password_is_taken_unchecked(published, caplog):
    file = published()
    assert judged(GOOD).reason == ""

    file.write_text("x" * 3_000_000)  # it was open already; what is read now is something else

    assert "gerade nicht prüfen" in judged(GOOD).reason
    assert "cannot be read" in caplog.text
