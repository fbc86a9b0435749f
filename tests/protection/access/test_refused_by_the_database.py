"""What only the database refuses, because a page forgot to ask: refused in German, undone, and in the trail."""

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import include, path

from dentatool.protection.access import Account, Permission, page
from dentatool.protection.audit import Entry

# (SQLSTATE, what a careless page does, who opens it, the event)
CARELESS = {
    "42501": ("delete from protection_account", "owner", "authz_fail"),
    "42501 by the trail": ("update protection_entry set what = 'x'", "owner", "authz_fail"),
    "DT007": ("update protection_account set role = 'reader' where role = 'owner'", "office", "authz_fail"),
    "DT008": ("update protection_account set role = 'owner' where role = 'technician'", "office", "authz_fail"),
    "DT008 by the rule": ("update protection_laboratory set factor_rule = 'passkey'", "office", "authz_fail"),
}


@page(Permission.OWN_ACCOUNT)
def careless(request):
    with connection.cursor() as cursor:
        cursor.execute("update protection_account set confirmed_at = now() where id = %s", [request.person.id])
        cursor.execute(CARELESS[request.GET["was"]][0])
    return HttpResponse("getan")


urlpatterns = [path("", include("dentatool.project.urls")), path("sorglos/", careless)]


@pytest.mark.parametrize("name", CARELESS)
def test_a_page_that_forgot_to_ask_changes_nothing_and_the_attempt_is_noted(anna, name):
    _statement, who, event = CARELESS[name]
    with anna.at_work():
        before = list(Account.objects.order_by("id").values_list("id", "role", "confirmed_at"))
    with override_settings(ROOT_URLCONF=__name__):
        client = anna.client(who)
        client.raise_request_exception = False
        answer = client.get("/sorglos/", {"was": name})

    assert answer.status_code == 409
    assert "Der Vorgang wurde abgewiesen" in answer.content.decode()
    with anna.at_work():
        entry = Entry.objects.filter(kind="event").latest("at")
        assert (entry.what, entry.actor_id, entry.changes["path"]) == (event, anna.member(who).id, "/sorglos/")
        assert list(Account.objects.order_by("id").values_list("id", "role", "confirmed_at")) == before


@pytest.mark.alone
def test_what_cannot_be_written_into_the_trail_is_not_done(anna, superuser):
    """TOM 3.6: the trail refuses entries of this laboratory, so nobody's role changes there."""
    client = anna.client()
    client.raise_request_exception = False
    superuser.execute(
        "create function public.no_more() returns trigger language plpgsql as"
        " $$ begin raise exception 'the trail is full'; end $$;"
        "create trigger no_more before insert on protection_entry for each row"
        f" when (new.lab_id = '{anna.lab_id}') execute function public.no_more()"
    )
    try:
        answer = client.post(f"/team/{anna.technician.id}/rolle/", {"role": "reader"})
    finally:
        superuser.execute("drop trigger no_more on protection_entry; drop function public.no_more()")

    assert answer.status_code >= 500
    with anna.at_work():
        assert Account.objects.get(pk=anna.technician.id).role == "technician"
        assert not Entry.objects.filter(what="privilege_permissions_changed").exists()
