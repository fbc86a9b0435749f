"""Sealed fields through everything Django does with a field."""

import copy
import pickle
from datetime import date
from uuid import uuid4

import pytest
from django.core.exceptions import FieldError, ValidationError
from django.db import IntegrityError, models
from django.db.models import F, Value
from django.db.models.functions import Lower
from django.forms import modelform_factory

from dentatool.protection.tenancy.internal.passes import NoPass
from dentatool.protection.vault import DecryptError
from dentatool.protection.vault.internal.ciphertext import Ciphertext
from harness.specimen import overwrite

NAME = "Änne Müller-Lüdenscheid"


def stored(specimens, row, column="name"):
    """The bytes in the row."""
    held = specimens.objects.values_list(column, flat=True).get(pk=row.pk)
    return held.raw if isinstance(held, Ciphertext) else held


def test_a_migration_can_add_a_sealed_column_which_is_then_empty_everywhere():
    from django.db import connection
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

    from dentatool.orders.models import Order

    column = Order._meta.get_field("remarks")
    default = BaseDatabaseSchemaEditor(connection).effective_default(column)

    assert bytes(default.obj if hasattr(default, "obj") else default) == b""


def test_a_saved_name_is_read_back_and_lies_sealed_in_the_row(anna, specimens, superuser):
    with anna.at_work():
        row = specimens.objects.create(
            name=NAME, birth_date=date(1980, 2, 29), remarks="Allergie: Nickel", scan=b"\0PDF"
        )

    with anna.at_work():
        again = specimens.objects.get(pk=row.pk)
        assert (again.name, again.birth_date, again.remarks, again.scan) == (
            NAME,
            date(1980, 2, 29),
            "Allergie: Nickel",
            b"\0PDF",
        )
    raw = superuser.execute(
        "select name, birth_date, remarks, scan from vault_specimen where id = %s", [row.pk]
    ).fetchone()
    assert [value[0] for value in raw] == [2, 1, 1, 1]
    assert all(b"ller" not in value and b"1980" not in value and b"Nickel" not in value for value in raw)


def test_names_of_different_length_look_alike(anna, specimens):
    with anna.at_work():
        rows = [specimens.objects.create(name=name) for name in ("Li", "Müller", "Krüger-Neumann, Wolfgang")]
        assert len({len(stored(specimens, row)) for row in rows}) == 1
        assert [specimens.objects.get(pk=row.pk).name for row in rows] == ["Li", "Müller", "Krüger-Neumann, Wolfgang"]


def test_decryption_waits_until_somebody_reads(anna, specimens, superuser):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
    overwrite(superuser, row.pk, name=b"\x01broken")

    with anna.at_work():
        again = specimens.objects.get(pk=row.pk)  # fetching opens nothing
        with pytest.raises(DecryptError):
            _ = again.name


def test_saving_without_a_change_writes_the_same_bytes_and_no_entry(anna, specimens):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
        before = stored(specimens, row)
    with anna.at_work():
        again = specimens.objects.get(pk=row.pk)
        again.save()
        again.name = str(NAME)  # what every form does
        again.save()

        assert stored(specimens, row) == before
        again.refresh_from_db()
        again.save()
        assert stored(specimens, row) == before


def test_a_changed_name_is_sealed_anew(anna, specimens):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
        before = stored(specimens, row)
        row.name = "Otto Kern"
        assert row.name == "Otto Kern"
        row.save(update_fields=["name"])
        assert stored(specimens, row) != before
    with anna.at_work():
        assert specimens.objects.get(pk=row.pk).name == "Otto Kern"


def test_saving_another_column_alone_does_not_touch_the_name(anna, specimens):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
        before = stored(specimens, row)
        again = specimens.objects.defer("name").get(pk=row.pk)
        again.box = "17"
        again.save()
        again.save(update_fields=["box"])
        assert stored(specimens, row) == before
        assert again.name == NAME  # loads itself


def test_only_loads_and_opens_a_single_sealed_column(anna, specimens):
    with anna.at_work():
        row = specimens.objects.create(name=NAME, remarks="zart")
    with anna.at_work():
        assert specimens.objects.only("remarks").get(pk=row.pk).remarks == "zart"
        assert specimens.objects.only("remarks").get(pk=row.pk).name == NAME


def test_bulk_create_seals_every_row_for_itself(anna, specimens):
    with anna.at_work():
        rows = specimens.objects.bulk_create([specimens(name=NAME), specimens(name=NAME), specimens(name="")])
    with anna.at_work():
        assert [specimens.objects.get(pk=row.pk).name for row in rows] == [NAME, NAME, ""]
        assert stored(specimens, rows[0])[4:] != stored(specimens, rows[1])[4:]


def test_get_or_create_and_keyword_construction_take_the_plain_name(anna, specimens):
    with anna.at_work():
        row, made = specimens.objects.get_or_create(box="9", defaults={"name": NAME})
        same, made_again = specimens.objects.update_or_create(box="9", defaults={"name": "Otto"})

        assert (made, made_again, same.pk) == (True, False, row.pk)
        assert specimens.objects.get(pk=row.pk).name == "Otto"


def test_a_related_row_opens_its_own_name(anna, specimens):
    with anna.at_work():
        first = specimens.objects.create(name="Eins")
        second = specimens.objects.create(name="Zwei", twin=first)
    with anna.at_work():
        again = specimens.objects.select_related("twin").get(pk=second.pk)
        assert (again.name, again.twin.name) == ("Zwei", "Eins")


def test_values_give_ciphertext_that_the_field_opens(anna, specimens):
    field = specimens._meta.get_field("name")
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
        (facts,) = specimens.objects.values("id", "name")
        assert field.open(facts["name"], row.pk) == NAME
        assert field.open(facts["name"].raw, row.pk) == NAME
        assert field.open(b"", row.pk) == ""
        assert field.open(None, row.pk) is None
        with pytest.raises(DecryptError):
            field.open(facts["name"], uuid4())


def test_ciphertext_shows_nothing_and_cannot_be_pickled(anna, specimens):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
        held = specimens.objects.get(pk=row.pk).name_sealed

        assert repr(held) == str(held) == "<versiegelt: vault_specimen.name>"
        with pytest.raises(TypeError, match="versiegelt"):
            pickle.dumps(held)
        assert copy.copy(held) is held
        assert copy.deepcopy(held) is held


def test_a_row_copied_under_a_new_id_is_refused_and_its_original_untouched(anna, specimens):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
    with anna.at_work():
        copied = specimens.objects.get(pk=row.pk)
        copied.pk = uuid4()
        with pytest.raises(DecryptError):
            _ = copied.name
    with pytest.raises(DecryptError), anna.at_work():
        copied.save()
    copied._state.adding = True
    with pytest.raises(DecryptError), anna.at_work():
        copied.save()
    with anna.at_work():
        assert [one.pk for one in specimens.objects.all()] == [row.pk]


def test_a_copy_that_takes_the_plain_name_along_is_a_row_of_its_own(anna, specimens):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
        twin = specimens.objects.create(name=row.name)
        assert specimens.objects.get(pk=twin.pk).name == NAME


def test_a_ciphertext_put_by_hand_into_another_row_or_column_is_refused(anna, specimens):
    with anna.at_work():
        first, second = specimens.objects.create(name="Eins"), specimens.objects.create(name="Zwei")
        (loose,) = specimens.objects.filter(pk=first.pk).values_list("name", flat=True)
        again = specimens.objects.get(pk=second.pk)
        with pytest.raises(DecryptError):
            again.name_sealed = loose
        with pytest.raises(DecryptError):
            again.remarks = loose
    with anna.at_work():
        again.name = specimens.objects.get(pk=first.pk).name_sealed
    with pytest.raises(DecryptError), anna.at_work():
        again.save()
    with pytest.raises(DecryptError), anna.at_work():
        specimens(name=loose).save()
    with anna.at_work():
        assert specimens.objects.get(pk=second.pk).name == "Zwei"


def test_without_the_laboratorys_pass_nothing_opens(anna, bert, specimens):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
    with anna.at_work():
        again = specimens.objects.get(pk=row.pk)
    with pytest.raises(NoPass):
        _ = again.name
    with bert.at_work(), pytest.raises(DecryptError):
        _ = again.name


def test_full_clean_checks_the_plain_value(anna, specimens):
    with anna.at_work():
        for wrong in ("", "x" * 201, "a\0b", "a\ud800b"):
            with pytest.raises(ValidationError):
                specimens(name=wrong).full_clean()
        with pytest.raises(ValidationError):
            specimens(name="Otto", birth_date="31.02.1980").full_clean()
        row = specimens.objects.create(name="Otto")
        specimens.objects.get(pk=row.pk).full_clean()


@pytest.mark.parametrize("wrong", ["x" * 201, "a\0b", "a\ud800b", None])
def test_what_must_not_be_sealed_is_refused_even_without_full_clean(anna, specimens, wrong):
    with pytest.raises(ValidationError), anna.at_work():
        specimens.objects.create(name=wrong)
    with anna.at_work():
        assert specimens.objects.count() == 0


def test_text_is_kept_in_one_unicode_form(anna, specimens):
    with anna.at_work():
        row = specimens.objects.create(name="Mu\u0308ller")
        assert specimens.objects.get(pk=row.pk).name == "Müller"


def test_empty_is_stored_without_a_key_and_can_be_asked_for(anna, specimens):
    with anna.at_work():
        full = specimens.objects.create(name="Otto", remarks="x", birth_date=date(1980, 1, 1))
        empty = specimens.objects.create(name="Karl")
        ids = specimens.objects.values_list("pk", flat=True)

        assert stored(specimens, empty, "remarks") == ""
        assert list(ids.filter(remarks="")) == [empty.pk]
        assert list(ids.exclude(remarks="")) == [full.pk]
        assert list(ids.filter(birth_date__isnull=True)) == [empty.pk]
        assert list(ids.filter(birth_date=None)) == [empty.pk]
        assert list(ids.exclude(birth_date=None)) == [full.pk]
        assert list(ids.filter(pk__in=specimens.objects.filter(remarks="").values("pk"))) == [empty.pk]
        assert specimens.objects.filter(twin__remarks="").count() == 0


@pytest.mark.parametrize(
    "question",
    [
        lambda rows: rows.filter(name="Otto"),
        lambda rows: rows.filter(name__icontains="Ott"),
        lambda rows: rows.filter(name__in=["Otto"]),
        lambda rows: rows.filter(name__gt="A"),
        lambda rows: rows.filter(name_sealed="Otto"),
        lambda rows: rows.filter(birth_date__year=1980),
        lambda rows: rows.filter(birth_date=date(1980, 1, 1)),
        lambda rows: rows.filter(name=F("box")),
        lambda rows: list(rows.filter(box=F("name"))),
        lambda rows: list(rows.order_by("name")),
        lambda rows: list(rows.order_by("-twin__name")),
        lambda rows: list(rows.order_by(F("name").desc())),
        lambda rows: list(rows.annotate(low=Lower("name"))),
        lambda rows: rows.aggregate(models.Max("name")),
        lambda rows: rows.update(name="Otto"),
        lambda rows: rows.update(name=""),
        lambda rows: rows.update(name=F("remarks")),
        lambda rows: rows.update(name=Value("Otto")),
        lambda rows: rows.update(box=F("name")),
        lambda rows: rows.bulk_update(list(rows), ["name"]),
    ],
)
def test_what_only_the_plain_value_could_answer_is_refused(anna, specimens, question):
    with anna.at_work():
        row = specimens.objects.create(name="Otto")
    from django.db import DatabaseError

    with pytest.raises((FieldError, DatabaseError)) as refused, anna.at_work():
        question(specimens.objects.all())

    assert "versiegelt" in str(refused.value) or "sealed_values_have_no_order" in str(refused.value)
    with anna.at_work():
        assert specimens.objects.get(pk=row.pk).name == "Otto"


def test_counting_grouping_and_distinct_work_beside_sealed_columns(anna, specimens):
    with anna.at_work():
        first = specimens.objects.create(name="Eins")
        specimens.objects.create(name="Zwei", twin=first)
        counted = specimens.objects.values("name").annotate(others=models.Count("twin")).filter(others=1)
        assert [type(row["name"]) for row in counted] == [Ciphertext]
        assert specimens.objects.distinct().count() == 2
        assert len(specimens.objects.all().union(specimens.objects.all())) == 2


@pytest.mark.parametrize("facts", [{"box": "still", "remarks": "laut"}, {"box": "kind", "birth_date": "2020-01-01"}])
def test_constraints_may_ask_whether_a_sealed_value_is_there(anna, specimens, facts):
    with anna.at_work(), pytest.raises(ValidationError):
        specimens(name="Otto", **facts).full_clean()
    with pytest.raises(IntegrityError), anna.at_work():
        specimens.objects.create(name="Otto", **facts)
    with anna.at_work():
        specimens(name="Otto", box="still").full_clean()
        row = specimens.objects.create(name="Otto", birth_date="2020-01-01")
        specimens.objects.get(pk=row.pk).full_clean()


def test_a_form_shows_checks_and_seals_the_plain_value(anna, specimens):
    form_of = modelform_factory(specimens, fields=["name", "remarks", "birth_date"])
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
        before = stored(specimens, row)
        assert form_of(instance=row).initial == {"name": NAME, "remarks": "", "birth_date": None}

        assert form_of({"name": "x" * 201}, instance=row).errors.keys() == {"name"}
        assert form_of({"name": ""}, instance=row).errors.keys() == {"name"}
        row.refresh_from_db()
        unchanged = form_of({"name": NAME, "remarks": "neu", "birth_date": "1980-01-01"}, instance=row)
        assert unchanged.is_valid(), unchanged.errors
        unchanged.save()

        assert stored(specimens, row) == before
        again = specimens.objects.get(pk=row.pk)
        assert (again.name, again.remarks, again.birth_date) == (NAME, "neu", date(1980, 1, 1))


def test_what_cannot_be_opened_can_be_replaced(anna, specimens, superuser):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
    overwrite(superuser, row.pk, name=b"\x01broken")
    with anna.at_work():
        again = specimens.objects.get(pk=row.pk)
        again.box = "18"
        again.save()  # other columns stay usable
        again.name = "Neu"
        again.save()
    with anna.at_work():
        again = specimens.objects.get(pk=row.pk)
        assert (again.name, again.box) == ("Neu", "18")


def test_the_trail_holds_what_the_row_holds_never_the_name(anna, specimens, superuser):
    with anna.at_work():
        row = specimens.objects.create(name=NAME)
    entries = superuser.execute("select changes::text from protection_entry where record_id = %s", [row.pk]).fetchall()

    assert len(entries) == 1
    assert "\\\\x02" in entries[0][0]
    assert "ller" not in entries[0][0]


def test_migrations_name_only_public_paths(specimens):
    names = ("name", "remarks", "birth_date", "scan")
    parts = {name: specimens._meta.get_field(name).deconstruct()[1:] for name in names}

    assert parts == {
        "name": ("dentatool.protection.vault.SealedText", [], {"verbose_name": "Patient"}),
        "remarks": (
            "dentatool.protection.vault.SealedText",
            [],
            {"verbose_name": "Bemerkung", "blank": True, "max_length": 2000},
        ),
        "birth_date": (
            "dentatool.protection.vault.SealedDate",
            [],
            {"verbose_name": "Geburtsdatum", "blank": True, "null": True},
        ),
        "scan": (
            "dentatool.protection.vault.SealedFile",
            [],
            {"verbose_name": "Scan", "blank": True, "editable": False},
        ),
    }


def test_the_searchable_field_brings_its_indexes(specimens):
    assert [index.fields for index in specimens._meta.indexes] == [["lab_id", "name"], ["lab_id", "changed_at"]]
    assert [check.id for check in specimens._meta.get_field("name").check()] == []
