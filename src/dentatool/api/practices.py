"""Practices, their dentists and location numbers."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from dentatool.api.body import Body
from dentatool.api.kinds import flag, identifier, text
from dentatool.api.operation import Call, ListOf, operation
from dentatool.api.shape import Shape
from dentatool.kit.lists import clean_search, found_by
from dentatool.practices.forms import DentistForm, LocationForm, PracticeForm
from dentatool.practices.models import Dentist, KnownLocation, Practice
from dentatool.protection.access import Permission

LOOK, CHANGE = Permission.PRACTICES_VIEW, Permission.PRACTICES_CHANGE
PRACTICE = Shape("Practice", Practice, tuple(PracticeForm.Meta.fields), place="practices")
DENTIST = Shape("Dentist", Dentist, ("practice", *DentistForm.Meta.fields), place="dentists")
LOCATION = Shape("Location", KnownLocation, ("practice", "number"), place="locations")
SEARCHED = ("customer_number", "name", "city")
_NEW_PRACTICE, _PRACTICE = Body("PracticeNew", PracticeForm), Body("PracticeChange", PracticeForm, is_change=True)
_NEW_DENTIST, _DENTIST = Body("DentistNew", DentistForm), Body("DentistChange", DentistForm, is_change=True)


@operation(
    "GET", "practices", LOOK, "Praxen auflisten", gives=ListOf(PRACTICE),
    query={"search": text(most=200), "customer_number": text(most=20), "active": flag()},
)  # fmt: skip
def practices(call: Call) -> QuerySet[Practice]:
    """`search` findet jedes Wort in Kundennummer, Name oder Ort."""
    found = Practice.objects.all()
    if "customer_number" in call.query:
        found = found.filter(customer_number=call.query["customer_number"])
    if "active" in call.query:
        found = found.filter(active=call.query["active"])
    searched = clean_search(call.query.get("search", ""))
    return found_by(found, SEARCHED, searched) if searched else found


@operation("POST", "practices", CHANGE, "Praxis anlegen", takes=_NEW_PRACTICE, gives=PRACTICE, status=201)
def practice_create(call: Call) -> Practice:
    return _practice(call.save(lambda data: PracticeForm(data)).pk)


@operation("GET", "practices/{pk}", LOOK, "Praxis lesen", gives=PRACTICE)
def practice(call: Call, pk: UUID) -> Practice:
    return _practice(pk)


@operation("PATCH", "practices/{pk}", CHANGE, "Praxis ändern", takes=_PRACTICE, gives=PRACTICE)
def practice_change(call: Call, pk: UUID) -> Practice:
    return _practice(call.change(Practice.objects.all(), pk, PracticeForm).pk)


@operation(
    "GET", "dentists", LOOK, "Behandler auflisten", gives=ListOf(DENTIST),
    query={"practice": identifier(), "active": flag()},
)  # fmt: skip
def dentists(call: Call) -> QuerySet[Dentist]:
    return Dentist.objects.filter(**call.query_for("practice", "active"))


@operation(
    "POST", "practices/{pk}/dentists", CHANGE, "Behandler anlegen", takes=_NEW_DENTIST, gives=DENTIST, status=201
)
def dentist_create(call: Call, pk: UUID) -> Dentist:
    practice = _practice(pk)
    return _dentist(call.save(lambda data: DentistForm(data, instance=Dentist(practice=practice))).pk)


@operation("GET", "dentists/{pk}", LOOK, "Behandler lesen", gives=DENTIST)
def dentist(call: Call, pk: UUID) -> Dentist:
    return _dentist(pk)


@operation("PATCH", "dentists/{pk}", CHANGE, "Behandler ändern", takes=_DENTIST, gives=DENTIST)
def dentist_change(call: Call, pk: UUID) -> Dentist:
    return _dentist(call.change(Dentist.objects.all(), pk, DentistForm).pk)


@operation(
    "GET", "locations", LOOK, "Standortnummern auflisten", gives=ListOf(LOCATION),
    query={"practice": identifier(), "number": text(most=6)},
)  # fmt: skip
def locations(call: Call) -> QuerySet[KnownLocation]:
    """Die ersten sechs Ziffern einer Auftragsnummer; sie gehören zu einer Praxis."""
    return KnownLocation.objects.filter(**call.query_for("practice", "number"))


@operation(
    "POST", "practices/{pk}/locations", CHANGE, "Standortnummer eintragen",
    takes=Body("LocationNew", LocationForm), gives=LOCATION, status=201,
)  # fmt: skip
def location_create(call: Call, pk: UUID) -> KnownLocation:
    practice = _practice(pk)
    made = call.save(lambda data: LocationForm(data, instance=KnownLocation(practice=practice)))
    return KnownLocation.objects.get(pk=made.pk)


@operation("DELETE", "locations/{pk}", CHANGE, "Standortnummer entfernen")
def location_remove(call: Call, pk: UUID) -> None:
    call.locked(KnownLocation.objects.all(), pk).delete()


def _practice(pk: UUID) -> Practice:
    return get_object_or_404(Practice, pk=pk)


def _dentist(pk: UUID) -> Dentist:
    return get_object_or_404(Dentist, pk=pk)
