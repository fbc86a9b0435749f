"""find_sealed against the database: always current, never another laboratory's, bounded in memory."""

import threading
from uuid import uuid4

import pytest
from django.core.exceptions import FieldError
from django.db import connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from dentatool.protection.tenancy.internal.passes import NoPass
from dentatool.protection.vault import find_sealed
from dentatool.protection.vault.internal import name_cache, search
from dentatool.protection.vault.internal.name_cache import Known, NameCache
from dentatool.protection.vault.internal.names import FoldedNames
from harness.specimen import overwrite

NAMES = ["Müller, Eva", "Mueller, Otto", "Kern, Anna", "Kernbach, Ida", "Obermüller, Jan"]


@pytest.fixture
def patients(anna, specimens):
    """Five patients of Anna's, by name."""
    with anna.at_work():
        return {name: specimens.objects.create(name=name, box=name[0]) for name in NAMES}


def names_found(specimens, query, **options):
    ids = find_sealed(specimens, "name", query, **options)
    by_id = specimens.objects.in_bulk(ids)
    return [by_id[row_id].name for row_id in ids]


def test_a_patient_is_found_by_any_spelling_and_part_of_the_name(anna, specimens, patients):
    with anna.at_work():
        assert names_found(specimens, "muell") == ["Mueller, Otto", "Müller, Eva", "Obermüller, Jan"]
        assert names_found(specimens, "eva muller") == ["Müller, Eva"]
        assert names_found(specimens, "kern") == ["Kern, Anna", "Kernbach, Ida"]
        assert names_found(specimens, "nbach") == ["Kernbach, Ida"]
        assert names_found(specimens, "Krnbach") == ["Kernbach, Ida"]
        assert names_found(specimens, "Xaver") == []


def test_another_laboratory_finds_nothing_even_after_anna_has_searched(anna, bert, specimens, patients):
    with anna.at_work():
        assert len(find_sealed(specimens, "name", "m")) == 3
    with bert.at_work():
        own = specimens.objects.create(name="Müller, Bert")
        assert find_sealed(specimens, "name", "m") == [own.pk]
        assert find_sealed(specimens, "name", "müller eva", whole=True) == []
    with anna.at_work():
        assert own.pk not in find_sealed(specimens, "name", "müller")


def test_what_an_open_column_holds_to_the_letter_comes_first(anna, bert, specimens, patients):
    with bert.at_work():
        specimens.objects.create(name="Fremd, Franz", box="kern")
    with anna.at_work():
        boxed = specimens.objects.create(name="Zuletzt, Zoe", box="kern")
        both = specimens.objects.create(name="Kern, Karla", box="kern")
        specimens.objects.create(name="Anders, Anton", box="Kern")
        ids = find_sealed(specimens, "name", "kern", also="box")
        assert set(ids[:2]) == {boxed.pk, both.pk}
        assert ids[2:] == [patients["Kern, Anna"].pk, patients["Kernbach, Ida"].pk]
        assert len(find_sealed(specimens, "name", "kern", also="box", limit=3)) == 3
        only = Q(pk__in=[both.pk, patients["Kernbach, Ida"].pk])
        assert find_sealed(specimens, "name", "kern", also="box", where=only) == [both.pk, patients["Kernbach, Ida"].pk]
        assert find_sealed(specimens, "name", "?!", also="box") == []
        boxed.box = "?!"
        boxed.save()
        assert find_sealed(specimens, "name", "?!", also="box") == [boxed.pk]
        boxed.delete()
        assert find_sealed(specimens, "name", "?!", also="box") == []
    with pytest.raises(NoPass):
        find_sealed(specimens, "name", "kern", also="box")
    with anna.at_work(), pytest.raises(FieldError):
        find_sealed(specimens, "name", "kern", also="remarks")  # sealed as well


def test_without_a_pass_nothing_is_searched(specimens, database):
    with pytest.raises(NoPass):
        find_sealed(specimens, "name", "müller")


def test_new_changed_and_removed_patients_show_at_once(anna, specimens, patients):
    with anna.at_work():
        find_sealed(specimens, "name", "warm")
    with anna.at_work():
        specimens.objects.create(name="Zimmer, Neu")
        row = patients["Kern, Anna"]
        row.name = "Kerner, Anna"
        row.save()
        patients["Kernbach, Ida"].delete()

        assert names_found(specimens, "zimmer") == ["Zimmer, Neu"]
    with anna.at_work():
        assert names_found(specimens, "zimmer") == ["Zimmer, Neu"]
        assert names_found(specimens, "kern") == ["Kerner, Anna"]
        assert names_found(specimens, "kernbach") == []


def test_what_was_rolled_back_is_forgotten(anna, specimens, patients):
    with anna.at_work():
        find_sealed(specimens, "name", "warm")
    with anna.at_work():
        patients["Kern, Anna"].name = "Verworfen, Anna"
        patients["Kern, Anna"].save()
        ghost = specimens.objects.create(name="Geist")
        assert find_sealed(specimens, "name", "geist") == [ghost.pk]
        transaction.set_rollback(True)
    with anna.at_work():
        assert find_sealed(specimens, "name", "geist") == []
        assert find_sealed(specimens, "name", "verworfen") == []
        assert names_found(specimens, "kern anna") == ["Kern, Anna"]


def test_what_a_long_transaction_changed_is_not_given_out_under_the_old_name(anna, specimens, patients, superuser):
    with anna.at_work():
        find_sealed(specimens, "name", "warm")
        other = specimens.objects.get(pk=patients["Kernbach, Ida"].pk)
        other.name = "Anders, Ida"
        other.save()
    superuser.execute("set session_replication_role = replica")  # as if it had been changed an hour ago
    superuser.execute("update vault_specimen set changed_at = now() - interval '1 hour' where id = %s", [other.pk])
    superuser.execute("set session_replication_role = origin")

    with anna.at_work():
        assert names_found(specimens, "kernbach") == []
        assert names_found(specimens, "anders") == ["Anders, Ida"]


def test_everything_is_compared_again_after_five_minutes(anna, specimens, patients, superuser, monkeypatch):
    with anna.at_work():
        find_sealed(specimens, "name", "warm")
        other = specimens.objects.get(pk=patients["Kernbach, Ida"].pk)
        other.name = "Anders, Ida"
        other.save()
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update vault_specimen set changed_at = now() - interval '1 hour' where id = %s", [other.pk])
    superuser.execute("set session_replication_role = origin")
    monkeypatch.setattr(name_cache, "FULL_COMPARISON_S", -1.0)

    with anna.at_work():
        assert names_found(specimens, "anders") == ["Anders, Ida"]


def test_a_warm_search_asks_twice_and_opens_nothing(anna, specimens, patients):
    with anna.at_work():
        find_sealed(specimens, "name", "warm")
    with anna.at_work(), CaptureQueriesContext(connection) as asked:
        assert len(find_sealed(specimens, "name", "kern")) == 2

    assert len(asked) == 2
    assert not any('"name"' in query["sql"] for query in asked.captured_queries)


def test_conditions_on_open_columns_narrow_the_search(anna, specimens, patients):
    with anna.at_work():
        assert names_found(specimens, "m", where=Q(box="M")) == ["Mueller, Otto", "Müller, Eva"]
        assert names_found(specimens, "müller eva", where=Q(box="K"), whole=True) == []
        assert names_found(specimens, "m", where=Q(box="X")) == []
        assert names_found(specimens, "müller", where=Q(pk__in=[])) == []


def test_whole_names_are_found_by_token_in_every_spelling_without_loading_all(anna, specimens, patients):
    with anna.at_work(), CaptureQueriesContext(connection) as asked:
        for spelling in ("Müller, Eva", "eva mueller", "EVA MULLER"):
            assert names_found(specimens, spelling, whole=True) == ["Müller, Eva"]
        assert find_sealed(specimens, "name", "Müller", whole=True) == []
    assert not any("clock_timestamp" in query["sql"] for query in asked.captured_queries)


def test_the_token_look_up_uses_its_index(anna, specimens, patients, superuser):
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "insert into vault_specimen (id, lab_id, version, name, remarks, scan, box) select gen_random_uuid(), lab, 1,"
        r" '\x0201' || sha256(place::text::bytea), '', '', ''"
        " from (values (%s), (gen_random_uuid()), (gen_random_uuid())) labs (lab), generate_series(1, 5000) place",
        [anna.lab_id],
    )
    superuser.execute("set session_replication_role = origin")
    superuser.execute("analyze vault_specimen")
    with anna.at_work(), CaptureQueriesContext(connection) as asked:
        find_sealed(specimens, "name", "Müller, Eva", whole=True)
        (look_up,) = [query["sql"] for query in asked.captured_queries if '"vault_specimen"' in query["sql"]]
        with connection.cursor() as cursor:
            cursor.execute("explain " + look_up)
            plan = "\n".join(line for (line,) in cursor.fetchall())

    index = specimens._meta.indexes[0].name
    assert index in plan, plan
    assert "Seq Scan" not in plan


def test_a_change_of_the_name_moves_its_token_even_when_only_that_column_is_saved(anna, specimens, patients):
    with anna.at_work():
        row = specimens.objects.get(pk=patients["Kern, Anna"].pk)
        row.name = "Zimmer, Anna"
        row.save(update_fields=["name"])
        assert names_found(specimens, "anna zimmer", whole=True) == ["Zimmer, Anna"]
        assert names_found(specimens, "anna kern", whole=True) == []


def test_an_unreadable_name_does_not_end_the_search(anna, specimens, patients, superuser, caplog):
    overwrite(superuser, patients["Kern, Anna"].pk, name=b"\x01broken")
    with anna.at_work():
        assert names_found(specimens, "kern") == ["Kernbach, Ida"]

    assert str(patients["Kern, Anna"].pk) in caplog.text
    assert "Anna" not in caplog.text


def test_a_field_without_search_cannot_be_searched(anna, specimens):
    with anna.at_work(), pytest.raises(FieldError, match="keine Suche"):
        find_sealed(specimens, "remarks", "x")


@pytest.mark.parametrize("query", ["", " ", "\0", "%", "_", "'; drop table vault_specimen; --", "ü" * 5000, "\ud800"])
def test_odd_queries_find_nothing_and_break_nothing(anna, specimens, patients, query):
    with anna.at_work():
        assert find_sealed(specimens, "name", query) == []
        assert find_sealed(specimens, "name", query, whole=True) == []
        assert find_sealed(specimens, "name", "kern", limit=0) == []


def test_twenty_threads_of_two_laboratories_never_see_each_others_patients(anna, bert, specimens, patients):
    with bert.at_work():
        specimens.objects.bulk_create([specimens(name=f"Müller, Bert {place}") for place in range(30)])
    wrong = []

    def search_as(member, count):
        try:
            for _ in range(10):
                with member.at_work():
                    if len(find_sealed(specimens, "name", "müller")) != count:
                        wrong.append((member.name, count))
        except Exception as problem:
            wrong.append(problem)
        finally:
            connection.close()

    search._cache.clear()
    threads = [threading.Thread(target=search_as, args=pair) for pair in [(anna, 3), (bert, 30)] * 10]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def names_of(count):
    return FoldedNames.of((place.to_bytes(16, "big"), 1, f"Name {place}") for place in range(count))


def test_memory_is_bounded_and_the_least_recently_searched_makes_room():
    size = names_of(100).size
    cache = NameCache(most_bytes=int(size * 2.5))
    keys = [(uuid4(), "t.name") for _ in range(3)]
    for key in keys[:2]:
        cache.put(key, Known(names_of(100), None, compared=True, before=None))
    assert cache.get(keys[0]) is not None
    cache.put(keys[2], Known(names_of(100), None, compared=True, before=None))

    assert [cache.get(key) is not None for key in keys] == [True, False, True]
    assert cache.bytes_held == 2 * size

    cache.put(keys[0], Known(names_of(1000), None, compared=True, before=None))  # too big alone
    assert cache.get(keys[0]) is None
    assert cache.bytes_held == size


def test_names_nobody_searches_are_forgotten():
    cache = NameCache(idle_s=-1.0)
    key = uuid4(), "t.name"
    cache.put(key, Known(names_of(3), None, compared=True, before=None))

    assert cache.get(key) is None
    assert cache.bytes_held == 0
