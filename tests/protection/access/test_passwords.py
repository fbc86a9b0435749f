"""Which passwords are taken, how they are stored, and how they change."""

import pytest

from dentatool.protection.access.internal.hashing import hash_password, matching
from dentatool.protection.access.internal.models import Account, sign_in_key
from harness.entering import add_app, events, is_inside, letter, with_password
from harness.laboratories import PASSWORD

GOOD = "Blaue Tassen fliegen nach Ulm"
TAKEN = [
    GOOD,
    "Zirkon-Krone-36-mesial",
    "tisch wolke neun birne",
    "ich mag keine Montage im Regen",
    "ÄÖÜ ßtraße Fenster Kürbis",
    "五月雨を集めて早し最上川と芭蕉",
    " vorn und hinten ein Leerzeichen ",
    "kGf3!pQ9zRw7$Lm",
    "a" * 3 + GOOD * 4 + "Ende",
    "x7" * 3 + "Regenbogenforelle",
]
REFUSED = [
    "", "a", "Labor2026!", "dentatool", "Kurz+gut1", "vierzehn Wolk", "passwort", "passwordpassword", "PasswortPasswort1",
    "123456789012345", "qwertzuiopasdfg", "aaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabcabc", "Dentallabor Anna Huber",
    "DentaTool-Labor-2026", "Anna Huber 2026 Labor", "labor.labor.labor.labor", "Zahntechnik Zahntechnik",
    "zahntechnikerin", "iloveyou123456789", "111111111111111111", "Willkommen2026Labor", "Passwort Praxis Zahn Krone",
    "x" * 257,
]  # fmt: skip


@pytest.mark.parametrize("password", TAKEN)
def test_these_are_taken(anna, password):
    from dentatool.protection.access.passwords import judge_for

    with anna.at_work():
        assert judge_for(Account.objects.get(pk=anna.owner.id), password).reason == ""


@pytest.mark.parametrize("password", REFUSED)
def test_these_are_refused_in_words(anna, password):
    from dentatool.protection.access.passwords import judge_for

    with anna.at_work():
        assert judge_for(Account.objects.get(pk=anna.owner.id), password).reason.endswith(".")


def test_twelve_characters_are_enough_beside_a_second_factor(anna):
    twelve, client = "Ulm9 Birnen!", anna.client()

    alone = client.post("/konto/passwort/", {"old": PASSWORD, "new": twelve})
    add_app(client)
    beside = client.post("/konto/passwort/", {"old": PASSWORD, "new": twelve})

    assert (alone.status_code, beside.status_code) == (422, 302)
    assert "mindestens 15 Zeichen" in alone.content.decode()


def test_a_password_counts_to_its_last_letter_and_in_every_spelling_of_its_letters(anna):
    long = "Im Juni trägt der Postbote gelbe Schuhe, sieben Äpfel und eine Gießkanne bis zum Leuchtturm hinauf"
    client = anna.client()
    assert client.post("/konto/passwort/", {"old": PASSWORD, "new": long + " Süd"}).status_code == 302

    assert with_password(anna.owner, None, long)[1].status_code == 422
    assert with_password(anna.owner, None, long[:72])[1].status_code == 422
    assert (
        with_password(anna.owner, None, long + " Su\u0308d")[1].status_code == 302
    )  # u and a diaeresis, as a Mac types


def test_the_hash_is_argon2id_above_the_floor_and_two_names_never_share_a_salt(anna):
    one, other = (hash_password(GOOD, sign_in_key(name)) for name in ("a@labor.example", "b@labor.example"))

    assert one.startswith("argon2$argon2id$v=19$m=65536,t=3,p=1$")
    assert one.split("$")[4] != other.split("$")[4]
    assert matching(GOOD, [one, other], sign_in_key("a@labor.example")) == {one, other}
    assert matching("falsch", [one, "", "!keins", "argon2$kaputt"], sign_in_key("a@labor.example")) == set()


def test_a_hash_with_a_salt_of_its_own_is_replaced_when_its_person_signs_in(anna, superuser):
    def stored():
        return superuser.execute(
            "select password_hash from protection_account where id = %s", [anna.owner.id]
        ).fetchone()[0]

    before = stored()
    assert with_password(anna.owner)[1].status_code == 302

    assert stored() == hash_password(PASSWORD, sign_in_key(anna.owner.sign_in_name)) != before
    assert with_password(anna.owner)[1].status_code == 302


def test_changing_needs_the_old_one_ends_the_other_sessions_and_is_told(anna, post_office):
    here, elsewhere = anna.client(), anna.client()
    wrong = here.post("/konto/passwort/", {"old": "geraten", "new": GOOD})
    assert wrong.status_code == 422
    assert is_inside(elsewhere)

    assert here.post("/konto/passwort/", {"old": PASSWORD, "new": GOOD}).status_code == 302

    assert is_inside(here)
    assert not is_inside(elsewhere)
    assert with_password(anna.owner)[1].status_code == 422
    assert with_password(anna.owner, None, GOOD)[1].status_code == 302
    assert "geändert" in letter(post_office, anna.owner, "Passwort").text
    assert len(events(anna, "authn_password_change")) == 1


def test_the_old_one_cannot_be_guessed_at_an_unattended_screen(anna):
    client = anna.client()
    for _ in range(5):
        assert client.post("/konto/passwort/", {"old": "geraten", "new": GOOD}).status_code == 422

    assert client.post("/konto/passwort/", {"old": PASSWORD, "new": GOOD}).status_code == 422
    assert len(events(anna, "authn_login_fail")) == 5


def test_pages_let_passwords_be_pasted_and_managed(anna):
    page = anna.client().get("/konto/passwort/").content.decode()

    assert 'autocomplete="current-password"' in page
    assert 'autocomplete="new-password"' in page
    assert "onpaste" not in page
    assert "maxlength" not in page or 'maxlength="256"' in page
