"""An account is one natural person for ever: TOM 2, the first two sentences, as the database keeps them."""

import pytest
from django.db import IntegrityError

from dentatool.protection.access import Account


def account(address="rosa@labor.example", name="Rosa Riedl"):
    return Account.create(display_name=name, sign_in_name=address, role="reader", password_hash="!")


@pytest.mark.parametrize("again", ["rosa@labor.example", "ROSA@labor.example", " Rosa@Labor.Example "])
def test_one_address_is_one_account_in_any_spelling(anna, again):
    with anna.at_work():
        account()

    with pytest.raises(IntegrityError, match="account_sign_in_once"), anna.at_work():
        account(again)


def test_the_same_address_is_free_in_another_laboratory(anna, bert):
    for lab in (anna, bert):
        with lab.at_work():
            account()


@pytest.mark.parametrize("missing", [{"name": ""}, {"address": ""}])
def test_without_a_person_there_is_no_account(anna, missing):
    with pytest.raises(IntegrityError, match="account_of_a_person"), anna.at_work():
        account(**missing)


def test_an_account_is_never_deleted_so_that_its_id_means_one_person_for_ever(superuser):
    roles = ["dentatool_app", "dentatool_worker", "dentatool_practice", "dentatool_doors", "dentatool_backup"]

    may = [
        superuser.execute("select has_table_privilege(%s, 'protection_account', 'DELETE, TRUNCATE')", [role]).fetchone()
        for role in roles
    ]

    assert may == [(False,)] * len(roles)


def test_an_account_keeps_its_id(anna, app_connection):
    from dentatool.protection.tenancy.internal.passes import Pass, sign

    signed = sign(Pass(anna.lab_id, anna.owner.id), backend_pid=app_connection.info.backend_pid)
    app_connection.execute("select set_config('dentatool.pass', %s, true)", [signed])

    with pytest.raises(Exception, match="a record keeps its id"):
        app_connection.execute(
            "update protection_account set id = gen_random_uuid() where id = %s", [anna.technician.id]
        )
