"""Patients: found by number, or by a name that is sent in the body, since names do not belong into addresses."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from dentatool.api.body import Body
from dentatool.api.kinds import identifier, text
from dentatool.api.operation import Call, Facts, ListOf, operation
from dentatool.api.shape import Shape, list_of, object_of
from dentatool.kit.lists import clean_search
from dentatool.orders.forms import PatientForm
from dentatool.orders.models import Patient
from dentatool.orders.patients import MOST_FOUND, search_patients
from dentatool.protection.access import Permission

LOOK, CHANGE = Permission.PATIENTS_VIEW, Permission.PATIENTS_CHANGE
PATIENT = Shape("Patient", Patient, tuple(PatientForm.Meta.fields), place="patients")
_SEARCH = Body(
    "PatientSearch",
    more={"search": text(least=2, most=120), "practice": identifier(is_nullable=True)},
    needs=("search",),
)


@operation(
    "GET", "patients", LOOK, "Patienten auflisten", gives=ListOf(PATIENT),
    query={"practice": identifier(), "pseudonym": text(most=40)},
)  # fmt: skip
def patients(call: Call) -> QuerySet[Patient]:
    return Patient.objects.filter(**call.query_for("practice", "pseudonym"))


@operation(
    "POST", "patients/search", LOOK, "Patienten suchen", takes=_SEARCH,
    gives=Facts("PatientsFound", object_of(items=list_of(PATIENT.reference))),
)  # fmt: skip
def patients_search(call: Call) -> dict[str, object]:
    """Findet Namen in jeder Schreibweise und Teile davon, außerdem die Patientennummer; die besten 20 zuerst."""
    found = search_patients(clean_search(call.sent["search"]), call.sent.get("practice"), limit=MOST_FOUND)
    return {"items": [PATIENT.show(each, call.held) for each in found]}


@operation(
    "POST", "patients", CHANGE, "Patienten anlegen", takes=Body("PatientNew", PatientForm), gives=PATIENT, status=201
)
def patient_create(call: Call) -> Patient:
    return _patient(call.save(lambda data: PatientForm(data)).pk)


@operation("GET", "patients/{pk}", LOOK, "Patienten lesen", gives=PATIENT)
def patient(call: Call, pk: UUID) -> Patient:
    return _patient(pk)


@operation(
    "PATCH", "patients/{pk}", CHANGE, "Patienten ändern",
    takes=Body("PatientChange", PatientForm, is_change=True), gives=PATIENT,
)  # fmt: skip
def patient_change(call: Call, pk: UUID) -> Patient:
    return _patient(call.change(Patient.objects.all(), pk, PatientForm).pk)


def _patient(pk: UUID) -> Patient:
    return get_object_or_404(Patient, pk=pk)
