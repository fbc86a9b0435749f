"""Passwords: long, hard to guess, nobody else's business, and never asked to change."""

import re
from datetime import timedelta

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

    assert new == {"NewPasswordForm.new", "ChangePasswordForm.new", "JoinForm.password"}
    for form in every_form():
        if form.__module__.startswith("dentatool.team"):
            assert not [name for name, field in form.base_fields.items() if hints.search(f"{name} {field.label}")]
