"""Master data without code in the slice: found, sorted, paged, changed by one at a time, and never by a stranger."""

from uuid import uuid4

import pytest
from django.test import override_settings

from dentatool.kit import context
from dentatool.practices.models import Dentist, Practice

GOOD = {
    "customer_number": "4711",
    "name": "Dr. Müller",
    "city": "Rosenheim",
    "payment_days": "30",
    "skonto_permille": "2,5",
}


@pytest.fixture(autouse=True)
def own_addresses(database):
    """Only the pages of kit.addresses exist."""
    context._permission_of.cache_clear()
    with override_settings(ROOT_URLCONF="kit.addresses"):
        yield
    context._permission_of.cache_clear()


def practice_of(lab, **facts):
    with lab.at_work():
        return Practice.objects.create(**{"customer_number": uuid4().hex[:8], "name": "Praxis", **facts})


def stored(lab, practice):
    with lab.at_work():
        return Practice.objects.get(pk=practice.pk)


def names_on(answer):
    return [row["cells"][0].text for row in answer.context["rows"]]


def test_a_practice_is_entered_shown_and_changed(anna):
    client = anna.client()

    made = client.post("/praxen/neu/", {**GOOD, "remarks": "Ruft spät an", "active": "on"}, follow=True)
    (address,) = {to for to, _status in made.redirect_chain}
    changed = client.post(f"{address}bearbeiten/", {**GOOD, "city": "Bad Aibling", "version": "1"}, follow=True)

    assert (made.status_code, changed.status_code) == (200, 200)
    assert "Ruft spät an" in made.content.decode()
    assert "ist angelegt" in made.content.decode()
    with anna.at_work():
        (found,) = Practice.objects.filter(name="Dr. Müller")
        assert (found.city, found.skonto_permille, found.remarks, found.version) == ("Bad Aibling", 25, "", 2)


def test_wrong_input_is_answered_with_422_and_keeps_what_was_typed(anna):
    answer = anna.client().post("/praxen/neu/", {**GOOD, "payment_days": "bald", "name": ""})

    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="bald"' in html
    assert "Bitte „Praxis“ ausfüllen." in html
    with anna.at_work():
        assert Practice.objects.count() == 0


def test_a_number_that_exists_is_refused_at_its_field_and_only_within_the_laboratory(anna, bert):
    practice_of(anna, customer_number="4711")

    twice = anna.client().post("/praxen/neu/", GOOD)
    elsewhere = bert.client().post("/praxen/neu/", GOOD)

    assert twice.status_code == 422
    assert list(twice.context["form"].errors) == ["customer_number"]
    assert elsewhere.status_code == 302


def test_who_comes_second_sees_both_values_and_saves_with_one_click(anna):
    practice = practice_of(anna, **{**GOOD, "payment_days": 30, "skonto_permille": 25})
    client, address = anna.client(), f"/praxen/{practice.pk}/bearbeiten/"
    client.post(address, {**GOOD, "city": "Kolbermoor", "version": "1"})

    late = client.post(address, {**GOOD, "city": "Raubling", "version": "1"})

    assert late.status_code == 409
    assert [(d.label, d.stored, d.typed) for d in late.context["differences"]] == [("Ort", "Kolbermoor", "Raubling")]
    assert stored(anna, practice).city == "Kolbermoor"
    client.post(address, {**GOOD, "city": "Raubling", "version": "2"})
    assert stored(anna, practice).city == "Raubling"


def test_a_save_without_the_version_changes_nothing(anna):
    practice = practice_of(anna, name="Vorher")

    answer = anna.client().post(f"/praxen/{practice.pk}/bearbeiten/", GOOD)

    assert answer.status_code == 422
    assert "Der Stand dieses Eintrags fehlt" in answer.content.decode()
    assert stored(anna, practice).name == "Vorher"


def test_the_list_finds_by_every_word_sorts_and_pages(anna):
    with anna.at_work():
        for number in range(30):
            Practice.objects.create(customer_number=f"{number:03d}", name=f"Praxis {number:02d}", city="Ulm")
        Practice.objects.create(customer_number="900", name="Zahnärzte am Ring", city="Aachen")
    client = anna.client()

    assert names_on(client.get("/praxen/?suche=ring aach")) == ["Zahnärzte am Ring"]
    assert names_on(client.get("/praxen/?sortierung=city"))[0] == "Zahnärzte am Ring"
    assert names_on(client.get("/praxen/?sortierung=-name"))[:2] == ["Zahnärzte am Ring", "Praxis 29"]
    assert names_on(client.get("/praxen/?seite=2")) == [f"Praxis {number}" for number in range(25, 30)] + [
        "Zahnärzte am Ring"
    ]
    assert "Seite 2 von 2 · 31 Treffer" in client.get("/praxen/?seite=2").content.decode()


@pytest.mark.parametrize(
    "query", ["seite=99", "seite=x", "seite=0", "sortierung=lab_id", "sortierung=remarks", "sortierung=-"]
)
def test_an_address_that_is_not_offered_is_a_400_in_german(anna, query):
    answer = anna.client().get(f"/praxen/?{query}")

    assert answer.status_code == 400
    assert "Diese Adresse ist nicht richtig" in answer.content.decode()


def test_a_list_asks_the_same_number_of_questions_for_one_row_and_for_three(anna, django_queries):
    practice_of(anna)
    client = anna.client()
    client.get("/praxen/")  # the laboratory's keys are fetched once and kept for a while
    with django_queries() as for_one:
        client.get("/praxen/")
    practice_of(anna)
    practice_of(anna)
    with django_queries() as for_three:
        client.get("/praxen/")

    assert len(for_one) == len(for_three)


def test_a_stranger_s_record_looks_like_one_that_does_not_exist(anna, bert):
    practice = practice_of(anna, name="Geheim")
    client = bert.client()

    for ending in ("", "bearbeiten/", "verlauf/"):
        foreign, absent = (client.get(f"/praxen/{key}/{ending}") for key in (practice.pk, uuid4()))
        assert (foreign.status_code, absent.status_code) == (404, 404)
    change = client.post(f"/praxen/{practice.pk}/bearbeiten/", {**GOOD, "version": "1"})
    assert change.status_code == 404
    assert stored(anna, practice).name == "Geheim"
    assert names_on(client.get("/praxen/?suche=Geheim")) == []


@pytest.mark.parametrize("typed", ["foreign", "absent", "x", "\0", "1; drop table", ""])
def test_a_reference_to_a_stranger_s_record_is_answered_like_an_absent_one(anna, bert, typed):
    foreign = practice_of(anna)
    value = {"foreign": str(foreign.pk), "absent": str(uuid4())}.get(typed, typed)

    answer = bert.client().post("/behandler/neu/", {"practice": value, "last_name": "Özdemir"})

    (message,) = answer.context["form"].errors["practice"]
    assert answer.status_code == 422
    assert message == (
        "Dieser Eintrag ist nicht vorhanden. Bitte aus der Liste wählen." if typed else "Bitte „Praxis“ auswählen."
    )
    with bert.at_work():
        assert Dentist.objects.count() == 0


@pytest.mark.parametrize(("role", "look", "change"), [("owner", 200, 200), ("office", 200, 200), ("courier", 200, 403)])
def test_who_may_look_and_who_may_change(anna, role, look, change):
    practice = practice_of(anna)
    client = anna.client(role)

    assert [client.get(address).status_code for address in ("/praxen/", f"/praxen/{practice.pk}/")] == [look, look]
    changes = ["/praxen/neu/", f"/praxen/{practice.pk}/bearbeiten/"]
    assert [client.get(address).status_code for address in changes] == [change, change]
    offered = "bearbeiten/" in client.get(f"/praxen/{practice.pk}/").content.decode()
    assert offered == (change == 200)


def test_nobody_is_sent_to_sign_in(nobody):
    assert nobody.get("/praxen/").headers["Location"] == "/anmelden/?weiter=%2Fpraxen%2F"


def test_the_history_tells_who_changed_what_and_keeps_sealed_values_sealed(anna):
    practice = practice_of(anna, name="Alt", remarks="Erika Mustermann war hier")
    with anna.at_work("technician"):
        found = Practice.objects.get(pk=practice.pk)
        found.name, found.remarks = "Neu", "Karl Mustermann auch"
        found.save()

    answer = anna.client().get(f"/praxen/{practice.pk}/verlauf/")

    newest, oldest = answer.context["entries"]
    assert (newest.person, newest.action, oldest.action) == (anna.technician.display_name, "geändert", "angelegt")
    assert [(c.label, c.old, c.new) for c in newest.changes if c.label == "Praxis"] == [("Praxis", "Alt", "Neu")]
    assert ("Bemerkungen", "versiegelt", "versiegelt") in [(c.label, c.old, c.new) for c in newest.changes]
    assert "Mustermann" not in answer.content.decode()


def test_hostile_text_comes_back_as_text(anna):
    shout = "<script>alert(1)</script>"
    practice = practice_of(anna, name=shout, city=shout, remarks=shout)
    client = anna.client()

    for address in (
        "/praxen/",
        f"/praxen/{practice.pk}/",
        f"/praxen/{practice.pk}/bearbeiten/",
        f"/praxen/?suche={shout}",
    ):
        html = client.get(address).content.decode()
        assert shout not in html
        assert "&lt;script&gt;" in html


def test_every_page_carries_the_policy_and_is_kept_by_no_cache(anna):
    answer = anna.client().get("/praxen/")
    policy = answer.headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    nonce = answer.context["nonce"]
    assert len(nonce) >= 22
    assert f"'nonce-{nonce}'" in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_navigation_shows_only_what_is_served_and_allowed(anna):
    places = anna.client().get("/praxen/").context["nav"]

    assert [(place.label, place.is_here) for place in places] == [("Praxen", True)]
