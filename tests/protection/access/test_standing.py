"""What a person may do is asked of the database at that moment, and an access that ends is dead at once."""

import pytest

from dentatool.protection.access import Account, Permission, Role
from dentatool.protection.access.internal.models import LaboratoryRole
from dentatool.protection.access.standing import LastOwner, end_access, is_last_owner, may, standing_of, who_may
from harness.entering import add_app, add_codes


def account(lab, role):
    return Account.objects.get(pk=lab.member(role).id)


def test_a_right_is_that_of_the_role_of_this_moment(anna):
    with anna.at_work():
        assert may(anna.owner.id, Permission.TRAIL_EXPORT)
        assert not may(anna.technician.id, Permission.TRAIL_EXPORT)
        Account.objects.filter(pk=anna.technician.id).update(role=Role.OWNER)
        assert may(anna.technician.id, Permission.TRAIL_EXPORT)


def test_a_role_of_the_laboratorys_own_counts_while_it_is_in_use(anna):
    with anna.at_work():
        own = LaboratoryRole.objects.create(key="eigene-x", name="X", permissions=["trail:export"])
        Account.objects.filter(pk=anna.technician.id).update(role="eigene-x")
        assert may(anna.technician.id, Permission.TRAIL_EXPORT)
        LaboratoryRole.objects.filter(pk=own.pk).update(active=False)
        assert not may(anna.technician.id, Permission.TRAIL_EXPORT)


def test_a_closed_account_and_a_strangers_may_nothing(anna, bert):
    with anna.at_work():
        Account.objects.filter(pk=anna.technician.id).update(active=False)
        assert not may(anna.technician.id, Permission.ORDERS_VIEW)
        assert not may(bert.owner.id, Permission.ORDERS_VIEW)
        assert [each.pk for each in who_may(Permission.REVIEW_DECIDE)] == [anna.owner.id]


def test_the_standing_names_factors_and_the_last_sign_in(anna):
    client = anna.client("technician")
    add_app(client)
    add_codes(client)

    with anna.at_work():
        found = standing_of(account(anna, "technician"))
        never = standing_of(account(anna, "courier"))

    assert (found.role, found.factors, found.tokens) == (
        "Zahntechnik", ("Authenticator-App", "Wiederherstellungscodes"), 0,
    )  # fmt: skip
    assert found.last_sign_in is not None
    assert (never.factors, never.last_sign_in) == ((), None)


def test_an_ended_access_is_dead_with_the_next_request(anna):
    client = anna.client("technician")
    assert client.get("/auftraege/").status_code == 200

    with anna.at_work():
        end_access(account(anna, "technician"))

    assert client.get("/auftraege/").status_code == 302


def test_the_last_owner_stays_and_one_who_was_only_invited_is_none(anna):
    with anna.at_work():
        Account.objects.filter(pk=anna.technician.id).update(role=Role.OWNER)
        assert not is_last_owner(account(anna, "owner"))
    with anna.at_work():
        Account.create(display_name="Neu", sign_in_name="neu@labor.example", role=Role.OWNER, password_hash="!")
        Account.objects.filter(pk=anna.technician.id).update(role=Role.TECHNICIAN)
        assert is_last_owner(account(anna, "owner"))
        with pytest.raises(LastOwner):
            end_access(account(anna, "owner"))
