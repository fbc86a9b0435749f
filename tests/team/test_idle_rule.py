"""The laboratory sets how long a screen may stand open."""

import psycopg
import pytest

from dentatool.protection.audit import Entry

ADDRESS = "/labor/sicherheit/ruhezeit/"


def stored(superuser, lab):
    return superuser.execute("select idle_minutes from protection_laboratory where id = %s", [lab.lab_id]).fetchone()[0]


@pytest.mark.parametrize("minutes", [5, 30, 60])
def test_the_owner_sets_it_and_it_holds_at_once_for_everybody(anna, bert, superuser, minutes):
    technician = anna.client("technician")

    assert anna.client().post(ADDRESS, {"idle_minutes": minutes}).status_code == 302

    assert (stored(superuser, anna), stored(superuser, bert)) == (minutes, 15)
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_session set last_action_at = now() - make_interval(mins => %s, secs => -5) where lab_id = %s",
        [minutes, anna.lab_id],
    )
    assert technician.get("/").status_code == 200
    superuser.execute(
        "update protection_session set last_action_at = now() - make_interval(mins => %s, secs => 1) where lab_id = %s",
        [minutes, anna.lab_id],
    )
    assert technician.get("/").status_code == 302
    with anna.at_work():
        (entry,) = Entry.objects.filter(what="security.idle_changed")
    assert entry.changes == {"old": 15, "new": minutes}


@pytest.mark.parametrize("typed", ["4", "61", "0", "-1", "", "nie", "15.5", "99999999999", "None"])
def test_out_of_range_is_refused_in_german_and_stays_typed(anna, superuser, typed):
    answer = anna.client().post(ADDRESS, {"idle_minutes": typed})

    assert (answer.status_code, stored(superuser, anna)) == (422, 15)
    assert f'value="{typed}"' in answer.content.decode() or typed == ""


@pytest.mark.parametrize("minutes", [4, 61, 0])
def test_the_database_refuses_it_too(anna, app_connection, minutes):
    with anna.at_work(), pytest.raises(Exception, match="idle_in_range"):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("update protection_laboratory set idle_minutes = %s", [minutes])
    with pytest.raises(psycopg.Error):
        app_connection.execute("alter table protection_laboratory drop constraint idle_in_range")


@pytest.mark.parametrize("role", ["office", "technician", "courier", "reader"])
def test_who_is_not_responsible_for_it_does_not_get_there(anna, superuser, role):
    client = anna.client(role)

    assert (client.get(ADDRESS).status_code, client.post(ADDRESS, {"idle_minutes": "60"}).status_code) == (403, 403)
    assert stored(superuser, anna) == 15
