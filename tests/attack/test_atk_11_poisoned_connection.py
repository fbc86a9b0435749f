"""ATK-11: Bert's SQL leaves something behind on a connection; the next request on it is Anna's, or his own.

A web process keeps its connections, and psycopg keeps prepared statements on them. Whoever exchanged one for another
under the same name would have the program itself ask the attacker's question, with Anna's pass.
"""

from contextlib import suppress

import pytest
from django.db import DatabaseError, connection

from dentatool.practices.models import Practice

LOOK = "select name from pg_prepared_statements where statement like '%door_open_session%' limit 1"


@pytest.fixture
def practices(anna, bert):
    for laboratory, name in ((anna, "Praxis der Anna"), (bert, "Praxis des Bert")):
        with laboratory.at_work():
            Practice.objects.create(name=name, customer_number="1")


def busy(laboratory):
    """Pages opened so often that their statements are prepared on the connection."""
    client = laboratory.client()
    for _time in range(8):
        assert client.get("/praxen/").status_code == 200
    return client


def tried(statement):
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError:
        return False
    return True


def names_of_statements():
    return [name.decode() for name in connection.connection._prepared._names.values()]


def test_a_statement_of_the_program_cannot_be_exchanged(anna, bert, practices):
    """He would answer „whose session is this?“ himself: with Anna's laboratory and an owner's rights."""
    client = busy(bert)
    evil = (
        f"(bytea, boolean) as select gen_random_uuid(), '{anna.lab_id}'::uuid, '{anna.owner.id}'::uuid,"
        " 'owner', ''::bytea, 'Bert', 60"
    )

    with bert.at_work(), connection.cursor() as cursor, suppress(DatabaseError):
        cursor.execute(LOOK)
        (name,) = cursor.fetchone()
        cursor.execute(f"deallocate {name}")
        cursor.execute(f"prepare {name} {evil}")

    assert "Praxis der Anna" not in client.get("/praxen/").text


def test_the_names_of_prepared_statements_cannot_be_looked_up_or_guessed(bert, practices):
    busy(bert)
    names = names_of_statements()

    assert names
    assert all(len(name) > 20 for name in names)
    with bert.at_work():
        assert not tried("select name from pg_prepared_statements")
    with bert.at_work():
        assert not tried("select * from pg_prepared_statement()")


def test_each_connection_has_names_of_its_own(bert, practices):
    busy(bert)
    first = set(names_of_statements())
    connection.close()

    busy(bert)

    assert first.isdisjoint(names_of_statements())


def test_throwing_away_all_statements_hurts_nobody(anna, bert, practices):
    client = busy(anna)

    with bert.at_work():
        assert tried("deallocate all")

    assert "Praxis der Anna" in client.get("/praxen/").text


def test_open_cursors_and_subscriptions_end_with_the_transaction(anna, bert, practices):
    with bert.at_work():
        assert tried("declare kept cursor with hold for select name from practices_practice")
        assert tried("listen anna")

    with anna.at_work():
        pass  # a subscription ends when this is committed
    with anna.at_work(), connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_cursors where name = 'kept'")
        assert cursor.fetchone() == (0,)
        cursor.execute("select count(*) from pg_listening_channels()")
        assert cursor.fetchone() == (0,)
