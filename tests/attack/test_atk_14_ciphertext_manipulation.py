"""ATK-14: the database's owner spoils ciphertext. Code gets DecryptError, pages say „nicht lesbar“, an event stays."""

import re

import pytest

from dentatool.protection.vault import DecryptError
from harness.specimen import overwrite


def spoilt(raw):
    """Every way to spoil a stored value that the attacker has, with a name for each."""
    yield "shortest", raw[:1]
    yield "cut in the middle", raw[: len(raw) // 2]
    yield "last byte missing", raw[:-1]
    yield "one byte more", raw + b"\0"
    yield "unknown format", b"\x07" + raw[1:]
    yield "format without token", b"\x01" + raw[1:]
    yield "unknown key version", raw[:4] + b"\xff\xff\xff\xff" + raw[8:]
    yield "key version zero", raw[:4] + b"\0\0\0\0" + raw[8:]
    yield "another token", raw[:1] + b"\x01\x00\x00" + raw[4:]
    yield "plain text", b"Otto Kern"
    yield "a megabyte", b"\x01" * 1_000_000
    yield "a megabyte more", raw + b"\0" * 1_000_000
    for bit in range(0, len(raw) * 8, 5):
        yield f"bit {bit}", bytes(byte ^ (1 << bit % 8 if place == bit // 8 else 0) for place, byte in enumerate(raw))


def test_nothing_spoilt_opens_and_every_try_is_the_same_error(anna, specimens, superuser):
    with anna.at_work():
        row = specimens.objects.create(name="Otto Kern")
    raw = superuser.execute("select name from vault_specimen where id = %s", [row.pk]).fetchone()[0]

    tried = 0
    for what, wrong in spoilt(raw):
        if wrong == raw:
            continue
        if what == "a megabyte more" or what == "a megabyte":  # too long for the index, so straight to the field
            with anna.at_work(), pytest.raises(DecryptError):
                specimens._meta.get_field("name").open(wrong, row.pk)
            continue
        overwrite(superuser, row.pk, name=wrong)
        with anna.at_work(), pytest.raises(DecryptError) as refused:
            _ = specimens.objects.get(pk=row.pk).name
        assert str(row.pk) in str(refused.value), what
        assert "Otto" not in str(refused.value), what
        tried += 1

    overwrite(superuser, row.pk, name=raw)
    with anna.at_work():
        assert specimens.objects.get(pk=row.pk).name == "Otto Kern"
    assert tried > 50


def test_an_emptied_value_reads_as_empty_and_the_trail_disagrees(anna, specimens, superuser):
    """Empty needs no key, so whoever owns the database can empty a value; the trail still holds what was there."""
    with anna.at_work():
        row = specimens.objects.create(name="Otto Kern")
    overwrite(superuser, row.pk, name=b"")

    with anna.at_work():
        assert specimens.objects.get(pk=row.pk).name == ""
    (said,) = superuser.execute(
        "select changes -> 'name' ->> 1 from protection_entry where record_id = %s order by at desc limit 1", [row.pk]
    ).fetchone()
    assert said != "\\x"


@pytest.fixture
def patients(anna):
    """Two patients of Anna's: one will be spoilt, one not."""
    from dentatool.orders.models import Patient
    from dentatool.practices.models import Practice

    with anna.at_work():
        practice = Practice.objects.create(customer_number="100", name="Praxis Zahn")
        return [
            Patient.objects.create(practice=practice, name=name, pseudonym=name[:1])
            for name in ("Otto Kern", "Anna Holm")
        ]


def spoil(superuser, patient):
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update orders_patient set name = %s where id = %s", [b"\x01spoilt", patient.pk])
    superuser.execute("set session_replication_role = origin")


def events(superuser, member):
    return superuser.execute(
        "select changes ->> 'where' from protection_entry where lab_id = %s and what = 'decrypt_fail'", [member.lab_id]
    ).fetchall()


@pytest.mark.parametrize("address", ["/patienten/", "/patienten/{pk}/"])
def test_a_page_says_not_readable_shows_the_rest_and_leaves_an_event(anna, patients, superuser, address):
    spoil(superuser, patients[0])

    answer = anna.client("owner").get(address.format(pk=patients[0].pk))

    body = answer.content.decode()
    assert answer.status_code == 200
    assert "nicht lesbar" in body
    assert "Otto" not in body
    if "{pk}" not in address:
        assert "Anna Holm" in body
    assert events(superuser, anna)
    assert all(
        where.startswith(f"orders_patient.name, Datensatz {patients[0].pk}") for (where,) in events(superuser, anna)
    )


def test_a_spoilt_name_can_be_entered_anew_but_the_words_are_no_name(anna, patients, superuser):
    spoil(superuser, patients[0])
    address, client = f"/patienten/{patients[0].pk}/bearbeiten/", anna.client("owner")

    shown = client.get(address)
    assert shown.status_code == 200
    assert "nicht lesbar" in shown.content.decode()
    assert events(superuser, anna)
    typed = {
        **dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', shown.content.decode())),
        **{"practice": str(patients[0].practice_id), "pseudonym": "O", "insurance": "gkv"},
    }

    refused = client.post(address, {**typed, "name": "nicht lesbar"})
    assert refused.status_code == 422
    assert "Bitte neu eingeben" in refused.content.decode()
    raw = superuser.execute("select name from orders_patient where id = %s", [patients[0].pk]).fetchone()[0]
    assert raw == b"\x01spoilt"

    assert client.post(address, {**typed, "name": "Otto Kern"}).status_code == 302
    with anna.at_work():
        assert type(patients[0]).objects.get(pk=patients[0].pk).name == "Otto Kern"


def test_someone_whose_own_name_is_spoilt_can_still_work(anna, superuser):
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update protection_account set display_name = %s where id = %s", [b"\x01spoilt", anna.owner.id])
    superuser.execute("set session_replication_role = origin")

    answer = anna.client("owner").get("/patienten/")

    assert answer.status_code == 200
    assert [where.split(",")[0] for (where,) in events(superuser, anna)][:1] == ["protection_account.display_name"]
