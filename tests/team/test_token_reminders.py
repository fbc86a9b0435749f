"""Whoever has a token that will expire is told in time, so that no program stops at night without anybody knowing why."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from dentatool.kit.models import Mail
from dentatool.protection.access import Account, Role
from dentatool.protection.access.tokens import OFFERED, ApiToken, end_token, make_token
from dentatool.protection.tenancy import laboratory
from dentatool.team.jobs import remind_of_tokens


def make(lab, days, who="office"):
    with lab.at_work(who):
        return make_token(lab.member(who).id, "Praxissoftware Süd", OFFERED, timedelta(days=days))


def nights(lab, *days):
    """What each of these nights does, counted from now; the days on which a message was written."""
    told = []
    for each in days:
        with time_machine.travel(timezone.now() + timedelta(days=each), tick=True), laboratory(lab.lab_id):
            before = Mail.objects.count()
            remind_of_tokens()
            told += [each] * (Mail.objects.count() - before)
    return told


def test_the_owner_is_told_two_weeks_and_three_days_before_and_not_again(anna):
    made, token = make(anna, 90)

    assert nights(anna, *range(91)) == [76, 87]

    with anna.at_work():
        last_day = timezone.localdate(made.expires_at).strftime("%d.%m.%Y")
        for message in Mail.objects.all():
            assert message.address == anna.member("office").sign_in_name
            assert message.subject == f"Ein Zugangsschlüssel läuft am {last_day} ab"
            assert "„Praxissoftware Süd“" in message.body and "/konto/zugangsschluessel/" in message.body
            assert token not in message.body and made.prefix not in message.body


def test_nights_that_were_missed_are_made_up_for_once(anna):
    make(anna, 90)

    assert nights(anna, 60, 80, 81, 89, 89.5) == [80, 89]


@pytest.mark.parametrize(("days", "told"), [(2, []), (7, [4]), (14, [11]), (15, [1, 12])])
def test_whoever_makes_a_short_one_is_not_told_at_once(anna, days, told):
    make(anna, days)

    assert nights(anna, *range(days + 1)) == told


def test_nobody_is_told_of_a_token_that_is_worth_nothing_any_more(anna):
    ended, _token = make(anna, 20)
    make(anna, 20)
    with anna.at_work("office"):
        end_token(anna.member("office").id, ended.pk)
    with laboratory(anna.lab_id):
        Account.objects.filter(pk=anna.member("office").id).update(role=Role.READER)

    assert nights(anna, 7, 18) == []
    with laboratory(anna.lab_id):
        Account.objects.filter(pk=anna.member("office").id).update(role=Role.OFFICE, active=False)
    assert nights(anna, 7, 18) == []


def test_each_laboratory_is_told_of_its_own(anna, bert):
    make(anna, 20)
    make(bert, 20)

    assert nights(anna, 7) == [7]
    with bert.at_work():
        assert not Mail.objects.exists()
        assert ApiToken.objects.get().reminded_at is None


def test_the_page_shows_what_will_expire(anna):
    make(anna, 10, "owner")
    make(anna, 90, "owner")

    page = anna.client().get("/konto/zugangsschluessel/").content.decode()

    assert page.count('badge-warn">läuft bald ab') == 2  # in its own column, and on phones below the name
