"""A value that cannot be opened: an error for code, „nicht lesbar“ and an event for people."""

import pytest
from django.core.exceptions import ValidationError
from django.template import engines

from dentatool.protection.vault import DecryptError
from harness.specimen import overwrite


@pytest.fixture
def broken(anna, specimens, superuser):
    """A row of which the database's owner has spoilt name and birth date."""
    with anna.at_work():
        row = specimens.objects.create(name="Otto", birth_date="1980-02-01", remarks="zart")
    overwrite(superuser, row.pk, name=b"\x01spoilt", birth_date=b"\x01spoilt")
    with anna.at_work():
        yield specimens.objects.get(pk=row.pk)


def test_code_gets_the_error_with_place_and_row_but_no_content(broken):
    with pytest.raises(DecryptError) as refused:
        _ = broken.name

    assert str(refused.value) == f"vault_specimen.name, Datensatz {broken.pk}: abgeschnitten"


def test_a_template_shows_that_it_is_not_readable_and_everything_else(broken):
    template = engines["pages"].from_string("{{ row }}|{{ row.name }}|{{ row.birth_date|day }}|{{ row.remarks }}")

    with DecryptError.collected() as failures:
        shown = template.render({"row": broken})

    assert shown.startswith("nicht lesbar|nicht lesbar|")
    assert shown.endswith("|zart")
    assert {failure.place.column for failure in failures} == {"name", "birth_date"}


def test_lists_made_up_in_python_may_show_it_too(broken):
    field = broken._meta.get_field("name")
    with DecryptError.collected() as failures:
        assert field.shown(broken.name_sealed, broken.pk) == "nicht lesbar"
    with DecryptError.shown():
        assert str(broken) == "nicht lesbar"

    assert [failure.row_id for failure in failures] == [broken.pk]
    with pytest.raises(DecryptError):
        _ = broken.name


def test_the_words_never_become_a_value(broken, specimens):
    with DecryptError.shown():
        words = broken.name
    with pytest.raises(DecryptError):
        specimens(name=words)
    with pytest.raises(ValidationError, match="nicht lesbar"):
        specimens(name="nicht lesbar").full_clean()


def test_the_list_of_a_laboratory_stays_usable(broken, specimens):
    specimens.objects.create(name="Anna")
    template = engines["pages"].from_string("{% for row in rows %}[{{ row.name }}]{% endfor %}")

    shown = template.render({"rows": specimens.objects.order_by("id")})

    assert sorted(shown.split("]")) == ["", "[Anna", "[nicht lesbar"]
