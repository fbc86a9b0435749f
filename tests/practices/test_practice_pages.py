"""A practice's page: its dentists and location numbers, each of its own laboratory only."""

from uuid import uuid4

import pytest

from dentatool.practices.models import Dentist, KnownLocation, Practice


def practice_of(lab, **facts):
    with lab.at_work():
        return Practice.objects.create(**{"customer_number": "1001", "name": "Praxis Dr. Wimmer", **facts}).pk


def dentists_of(lab):
    with lab.at_work():
        return [(str(dentist), dentist.active) for dentist in Dentist.objects.order_by("last_name")]


def locations_of(lab):
    with lab.at_work():
        return list(KnownLocation.objects.order_by("number").values_list("number", flat=True))


def test_the_page_shows_terms_dentists_and_locations(anna):
    practice = practice_of(anna, skonto_permille=25, skonto_days=10, remarks="Nur vormittags")
    with anna.at_work():
        Dentist.objects.create(practice_id=practice, title="Dr.", first_name="Korbinian", last_name="Wimmer")
        KnownLocation.objects.create(practice_id=practice, number="565901")

    html = anna.client().get(f"/praxen/{practice}/").content.decode()

    for shown in ("Dr. Korbinian Wimmer", "565901", "2,5 %", "Nur vormittags", "Behandler anlegen"):
        assert shown in html


def test_the_page_leads_to_what_is_done_for_the_practice_as_far_as_allowed(anna):
    practice = practice_of(anna)
    page = anna.client().get(f"/praxen/{practice}/").content.decode()
    leads = [
        f"/auftraege/?praxis={practice}",
        f"/auftraege/?status=alle&amp;praxis={practice}",
        f"/rechnungen/?praxis={practice}",
    ]

    assert [lead for lead in leads if f'href="{lead}"' in page] == leads
    for lead in leads:
        assert anna.client().get(lead.replace("&amp;", "&")).status_code == 200
    courier = anna.client("courier").get(f"/praxen/{practice}/").content.decode()
    assert "/rechnungen/?praxis=" not in courier


def test_dentists_are_added_changed_and_put_to_rest(anna):
    practice = practice_of(anna)

    anna.client().post(
        f"/praxen/{practice}/behandler/neu/",
        {"title": "Dr.", "first_name": "Eva", "last_name": "Adler", "active": "on"},
    )
    assert dentists_of(anna) == [("Dr. Eva Adler", True)]
    with anna.at_work():
        dentist = Dentist.objects.get().pk
    changed = anna.client().post(
        f"/praxen/behandler/{dentist}/", {"title": "", "last_name": "Adler-Kunz", "version": "1"}
    )

    assert changed.status_code == 302
    assert dentists_of(anna) == [("Adler-Kunz", False)]


def test_a_dentist_without_a_name_is_refused_and_the_rest_stays_typed(anna):
    practice = practice_of(anna)

    answer = anna.client().post(
        f"/praxen/{practice}/behandler/neu/", {"title": "Dr.", "first_name": "Eva", "last_name": ""}
    )

    assert answer.status_code == 422
    assert 'value="Eva"' in answer.content.decode()
    assert dentists_of(anna) == []


def test_who_changes_a_dentist_second_is_told(anna):
    practice = practice_of(anna)
    with anna.at_work():
        dentist = Dentist.objects.create(practice_id=practice, last_name="Adler").pk

    first = anna.client().post(f"/praxen/behandler/{dentist}/", {"last_name": "Bär", "active": "on", "version": "1"})
    second = anna.client().post(f"/praxen/behandler/{dentist}/", {"last_name": "Cäsar", "active": "on", "version": "1"})

    assert (first.status_code, second.status_code) == (302, 409)
    assert dentists_of(anna) == [("Bär", True)]


@pytest.mark.parametrize("number", ["12345", "1234567", "12a456", "", "１２３４５６"])
def test_a_location_number_has_six_digits(anna, number):
    practice = practice_of(anna)

    answer = anna.client().post(f"/praxen/{practice}/standort/neu/", {"number": number})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["number"]
    assert locations_of(anna) == []


def test_a_location_number_stands_once_at_a_practice_and_can_be_removed(anna):
    practice = practice_of(anna)

    answers = [anna.client().post(f"/praxen/{practice}/standort/neu/", {"number": "565901"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 422]
    assert locations_of(anna) == ["565901"]
    with anna.at_work():
        location = KnownLocation.objects.get().pk
    anna.client().post(f"/praxen/standort/{location}/entfernen/")

    assert locations_of(anna) == []


def test_another_laboratory_s_practice_is_as_if_it_were_not_there(anna, bert):
    practice = practice_of(anna)
    with anna.at_work():
        dentist = Dentist.objects.create(practice_id=practice, last_name="Adler").pk
        location = KnownLocation.objects.create(practice_id=practice, number="565901").pk

    looked = [
        [bert.client().get(address.format(key)).status_code for key in (mine, uuid4())]
        for address, mine in (
            ("/praxen/{}/", practice), ("/praxen/{}/bearbeiten/", practice), ("/praxen/{}/verlauf/", practice),
            ("/praxen/{}/behandler/neu/", practice), ("/praxen/behandler/{}/", dentist), ("/praxen/{}/standort/neu/", practice),
        )
    ]  # fmt: skip
    written = [
        bert.client().post(address, {"last_name": "X", "number": "111111", "version": "1"}).status_code
        for address in (
            f"/praxen/{practice}/behandler/neu/", f"/praxen/behandler/{dentist}/",
            f"/praxen/{practice}/standort/neu/", f"/praxen/standort/{location}/entfernen/",
        )
    ]  # fmt: skip

    assert looked == [[404, 404]] * 6
    assert written == [404] * 4
    assert (dentists_of(anna), locations_of(anna)) == ([("Adler", True)], ["565901"])


@pytest.mark.parametrize(
    ("role", "look", "change"), [("office", 200, 200), ("technician", 200, 403), ("courier", 200, 403)]
)
def test_who_sees_and_who_changes_practices(anna, role, look, change):
    practice = practice_of(anna)
    client = anna.client(role)

    seen = client.get(f"/praxen/{practice}/")

    assert (seen.status_code, client.get(f"/praxen/{practice}/behandler/neu/").status_code) == (look, change)
    assert ("Behandler anlegen" in seen.content.decode()) == (change == 200)


def test_remarks_are_sealed_in_the_database(anna, database):
    from harness.database import connect_as

    practice = practice_of(anna, remarks="Ruft nie vor zehn an")

    with connect_as(database, "backup", autocommit=True) as link:
        (stored,) = link.execute("select remarks from practices_practice where id = %s", [practice]).fetchone()

    assert stored
    assert b"zehn" not in bytes(stored)
