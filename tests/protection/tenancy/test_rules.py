"""A careless new model stops the program, or the tests do."""

import subprocess
import sys
import textwrap

import pytest
from django.db import models
from django.test.utils import isolate_apps

from dentatool.protection.tenancy import Record
from dentatool.protection.tenancy.internal.rules import problems_of


def problems(model):
    return list(problems_of([model]))


@isolate_apps("dentatool.protection")
def test_a_model_that_is_no_record_stops_the_start():
    class Careless(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "protection"

    assert problems(Careless) == [
        "protection.Careless: weder von Record abgeleitet noch auf der Liste öffentlicher Tabellen."
    ]


@isolate_apps("dentatool.protection")
def test_a_unique_value_without_the_laboratory_stops_the_start():
    class Careless(Record):
        code = models.CharField(max_length=5, unique=True)

        class Meta:
            app_label = "protection"
            constraints = [models.UniqueConstraint(fields=["code"], name="careless_code")]

    assert problems(Careless) == [
        "protection.Careless.code: unique=True verriete fremde Werte; UniqueConstraint mit lab_id verwenden.",
        "protection.Careless: careless_code beginnt nicht mit lab_id und verriete fremde Werte.",
    ]


@pytest.mark.parametrize(
    "name", ["name", "first_name", "patient_name", "birth_date", "email", "phone", "remarks", "allergies", "api_token"]
)
@isolate_apps("dentatool.protection")
def test_an_open_field_with_a_personal_name_stops_the_start(name):
    careless = type(
        "Careless",
        (Record,),
        {
            "__module__": __name__,
            name: models.CharField(max_length=5),
            "Meta": type("Meta", (), {"app_label": "protection"}),
        },
    )

    assert problems(careless) == [
        f"protection.Careless.{name}: klingt nach persönlichen Daten und ist nicht versiegelt (SealedText)."
    ]


@isolate_apps("dentatool.protection")
def test_an_exception_needs_a_reason():
    class Careless(Record):
        name = models.CharField(max_length=5)
        not_sealed = {"name": "so halt"}

        class Meta:
            app_label = "protection"

    assert problems(Careless) == ["protection.Careless.name: die Ausnahme braucht einen Grund."]


@isolate_apps("dentatool.protection")
def test_a_many_to_many_stops_the_start():
    class Careless(Record):
        friends = models.ManyToManyField("self")

        class Meta:
            app_label = "protection"

    assert "ManyToMany hat kein Labor" in problems(Careless)[0]


def test_the_whole_program_refuses_to_start_with_a_careless_model(tmp_path):
    """Not only the rule: the start itself. A slice with a plain model is added to the real settings."""
    slice_folder = tmp_path / "careless"
    slice_folder.mkdir()
    (slice_folder / "__init__.py").write_text("")
    (slice_folder / "models.py").write_text(
        "from django.db import models\nclass Note(models.Model):\n    text = models.TextField()\n"
    )
    (tmp_path / "careless_settings.py").write_text(
        "from dentatool.project.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'careless']\n"
    )
    script = textwrap.dedent(
        """
        import os
        os.environ["DJANGO_SETTINGS_MODULE"] = "careless_settings"
        import django
        django.setup()
        """
    )

    started = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(tmp_path), *sys.path]!r}\n{script}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.returncode != 0
    assert "DentaTool startet nicht" in started.stderr
    assert "careless.Note: weder von Record abgeleitet" in started.stderr
