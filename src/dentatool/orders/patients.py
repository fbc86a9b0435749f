"""Finding the patient whom an order is for, or taking them in. The same person is not taken in twice."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from dentatool.kit.errors import NotYet
from dentatool.orders.models import Insurance, Patient
from dentatool.practices.models import Practice
from dentatool.protection.engine.prepared import Prepared
from dentatool.protection.vault import find_sealed
from dentatool.values.text import folded_variants

MOST_FOUND = 20


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What was typed about a patient. All of it is optional."""

    name: str = ""
    pseudonym: str = ""
    birth_date: date | None = None
    insurance: str = Insurance.STATUTORY

    @property
    def is_empty(self) -> bool:
        return not (self.name or self.pseudonym)


def patient_for(practice: Practice, facts: PatientFacts) -> Patient | None:
    """The practice's patient with this number, else with this name and birth date, else a new one; None without facts.

    :raises NotYet: the practice wants no names, or the number belongs to somebody with another name.
    """
    numbered = next(iter(_numbered(practice.pk, facts.pseudonym)), None) if facts.pseudonym else None
    patient, news = patient_meant(practice, facts, numbered)
    if patient is not None and patient._state.adding:
        patient.save(force_insert=True)
    elif patient is not None and news:
        patient.save(update_fields=news)
    return patient


def patient_meant(
    practice: Practice, facts: PatientFacts, numbered: Patient | None
) -> tuple[Patient | None, list[str]]:
    """The same without storing anything: the patient, perhaps a new one, and the columns of a known one that are news.

    `numbered` is the practice's patient with this number.
    """
    if facts.is_empty:
        return None, []
    if practice.no_names and facts.name:
        raise NotYet("Diese Praxis möchte keine Patientennamen im Labor. Bitte nur die Patientennummer angeben.")
    _require_same_name(numbered, facts)
    known = numbered or _by_name(practice, facts)
    if known is not None:
        return known, _completed(known, facts)
    new = Patient(
        practice=practice,
        name=facts.name,
        pseudonym=facts.pseudonym,
        birth_date=facts.birth_date,
        insurance=facts.insurance,
    )
    return new, []


def search_patients(text: str, practice_id: UUID | None = None, *, limit: int = MOST_FOUND) -> list[Patient]:
    """Patients whose name or number fits, best first; of one practice if it is given."""
    of_practice = Patient.objects.filter(practice_id=practice_id) if practice_id else Patient.objects.all()
    # By itself, since other practices may have patients with this number without end.
    numbered = list(of_practice.filter(pseudonym=text).select_related("practice")[:limit])
    ids = find_sealed(Patient, "name", text, limit=200)
    found = {patient.pk: patient for patient in of_practice.filter(pk__in=ids).select_related("practice")}
    named = [found[key] for key in ids if key in found]
    return [*numbered, *(patient for patient in named if patient not in numbered)][:limit]


_numbered = Prepared(
    lambda practice_id, number: Patient.objects.filter(practice=practice_id, pseudonym=number).order_by("id")[:1]
)


def _require_same_name(numbered: Patient | None, facts: PatientFacts) -> None:
    if numbered is not None and numbered.name and facts.name and not _same_name(numbered.name, facts.name):
        raise NotYet(
            f"Die Patientennummer {facts.pseudonym} gehört in dieser Praxis schon zu einem anderen Namen. "
            "Bitte Nummer und Namen vergleichen."
        )


def _by_name(practice: Practice, facts: PatientFacts) -> Patient | None:
    """Only name and birth date together make the same person; a different number makes another."""
    if not facts.name or facts.birth_date is None:
        return None
    # Whoever has the typed number is known by it already: of the others only those without a number can be meant.
    unnumbered = {"pseudonym": ""} if facts.pseudonym else {}
    ids = find_sealed(Patient, "name", facts.name, limit=50, whole=True, practice=practice.pk, **unnumbered)
    for known in Patient.objects.filter(practice=practice, pk__in=ids) if ids else ():
        if known.birth_date == facts.birth_date and _same_name(known.name, facts.name):
            return known
    return None


def _same_name(one: str, other: str) -> bool:
    return bool(set(folded_variants(one)) & set(folded_variants(other)))


def _completed(known: Patient, facts: PatientFacts) -> list[str]:
    """Fill what was unknown so far; never overwrite what is known. The names of what was filled."""
    news = {
        name: value
        for name, value in (("name", facts.name), ("pseudonym", facts.pseudonym), ("birth_date", facts.birth_date))
        if value and not getattr(known, name)
    }
    for name, value in news.items():
        setattr(known, name, value)
    return list(news)
