"""A few weeks of believable work for the demo laboratories: invented people, right check digits."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from django.utils.timezone import localdate

from dentatool.catalogue.models import ServiceChain
from dentatool.orders.actions import Ordered, create_order
from dentatool.orders.chain_variables import variables_of
from dentatool.orders.lines import reprice
from dentatool.orders.models import Care, Insurance, Order, Patient
from dentatool.orders.workflow import State
from dentatool.practices.models import Dentist, KnownLocation, Practice
from dentatool.values.order_number import check_digit

HOW_MANY = {"anna": 120, "bert": 60}
DAYS_BACK = 38

_FIRST = (
    *("Anneliese", "Bogdan", "Christl", "Dorothea", "Emil", "Fatma", "Georg", "Hannelore", "Ignaz", "Jolanta", "Karl"),
    *("Leni", "Mehmet", "Nele", "Ottmar", "Petra", "Quirin", "Rosina", "Şebnem", "Theo", "Uschi", "Valentin", "Wiebke"),
    *("Xaver", "Yvonne", "Zdenka", "Björn", "Gülay", "Jürgen", "Käthe"),
)
_LAST = (
    *("Abelein", "Bräutigam", "Czerny", "Döring", "Ehrenmüller", "Feldhofer", "Grünwald", "Hüttinger", "Ibrahimović"),
    *(
        "Jäckle",
        "Köhnke",
        "Lödige",
        "Müller",
        "Mueller",
        "Nußbaumer",
        "Özkan",
        "Pöhlmann",
        "Quast",
        "Rößler",
        "Schäfer",
    ),
    *("Thiele", "Überreiter", "Vögele", "Weißgerber", "Yıldırım", "Zängerl", "Straßmair", "Böttcher", "Groß", "Weiß"),
)
# By a word of the chain's name: the teeth such a work usually concerns.
_TEETH = (
    ("adhäsiv", ({12: "glied", 11: "krone"}, {22: "glied", 21: "krone"})),
    ("brücke", ({16: "krone", 15: "glied", 14: "krone"}, {24: "krone", 25: "glied", 26: "krone"})),
    ("teleskop", ({13: "teleskop", 23: "teleskop", 14: "ersetzt", 15: "ersetzt"}, {33: "teleskop", 43: "teleskop"})),
    ("stift", ({14: "stift"}, {21: "stift"})),
    ("krone", ({14: "krone"}, {24: "krone"}, {15: "krone"}, {36: "krone"}, {11: "krone", 21: "krone"})),
    ("total", (dict.fromkeys((17, 16, 15, 14, 13, 12, 11, 21, 22, 23, 24, 25, 26, 27), "ersetzt"),)),
    ("modellguss", ({35: "ersetzt", 36: "ersetzt", 34: "klammer", 37: "klammer"}, {46: "ersetzt", 44: "klammer"})),
    ("prothese", ({12: "ersetzt", 11: "ersetzt", 13: "klammer"}, {15: "ersetzt", 16: "ersetzt", 14: "klammer"})),
    ("erweiterung", ({25: "ersetzt"}, {46: "ersetzt"})),
)  # fmt: skip
_SHADES = ("A2", "A3", "A3,5", "B2", "C1", "D3", "2M2", "3L1,5")
_REASONS = {
    State.QUESTION: (
        "Zahnfarbe fehlt auf dem Auftragszettel.",
        "Gegenbiss passt nicht zum Modell, bitte neu abformen.",
    ),
    State.HELD: ("Praxis hat den Termin verschoben.",),
    State.CANCELLED: ("Behandlung abgebrochen, Praxis hat telefonisch storniert.",),
}


@dataclass
class _Cast:
    """Everything the dice may choose from."""

    dice: Random
    today: date
    practices: list[Practice]
    dentists: dict[object, list[Dentist]]
    locations: dict[object, str]
    chains: list[ServiceChain]
    patients: dict[object, list[Patient]]


def fill_orders(key: str) -> None:
    """Patients and orders of the laboratory whose pass is in force, relative to today."""
    cast = _cast(Random(key))  # noqa: S311 - dice for a demo, not for secrets
    count = HOW_MANY[key]
    for place in range(count):
        received = _workday(cast.today - timedelta(days=DAYS_BACK - place * DAYS_BACK // count))
        _order(cast, received, place)


def _cast(dice: Random) -> _Cast:
    # A practice with agreed prices has just come over: its first order is the visitor's.
    practices = list(Practice.objects.filter(active=True, price_region=""))
    dentists: dict[object, list[Dentist]] = {}
    for dentist in Dentist.objects.all():
        dentists.setdefault(dentist.practice_id, []).append(dentist)
    locations = dict(KnownLocation.objects.values_list("practice_id", "number"))
    chains = list(ServiceChain.objects.filter(active=True))
    return _Cast(dice, localdate(), practices, dentists, locations, chains, {practice.pk: [] for practice in practices})


def _order(cast: _Cast, received: date, place: int) -> None:
    dice = cast.dice
    chain = dice.choice(cast.chains) if cast.chains else None
    practice = _practice_for(cast, chain)
    patient = _patient(cast, practice)
    due = _workday(received + timedelta(days=dice.choice((4, 5, 6, 7, 8, 10, 12))))
    marked = _teeth(cast, chain.name if chain else "")
    order = create_order(
        practice,
        Ordered(
            order_number=_order_number(cast, practice, patient, chain.area if chain else "ZE", place),
            care=Care.REPAIR if chain and "eparatur" in chain.name else Care.REGULAR,
            shade=dice.choice(_SHADES) if {"krone", "glied"} & set(marked.values()) else "",
            tray=f"S{dice.randint(1, 80)}",
            received_on=received,
            due_on=due,
            remarks="Patient kommt direkt zur Farbnahme." if place % 17 == 3 else "",
        ),
        dentist=dice.choice(cast.dentists.get(practice.pk) or [None]),
        patient=patient,
        teeth=marked,
        chain=chain,
        variables=variables_of(marked, shipments=dice.choice((1, 2, 2))),
    )
    _stand_where_it_would(cast, order)


def _stand_where_it_would(cast: _Cast, order: Order) -> None:
    """The state that fits the day it is due. Billing takes what is delivered from here."""
    state = _state(cast, order)
    if state is State.RECEIVED:
        return
    order.state = state
    if state in (State.QUESTION, State.HELD):
        order.came_from = State.WORKING
    if state in _REASONS:
        order.reason = cast.dice.choice(_REASONS[state])
    if state is State.DELIVERED:
        order.delivered_on = min(order.due_on or cast.today, cast.today)
    order.save()
    if state is State.DELIVERED:
        reprice(order)


def _state(cast: _Cast, order: Order) -> State:
    left = ((order.due_on or cast.today) - cast.today).days
    luck = cast.dice.random()
    if luck > 0.97:
        return State.CANCELLED
    if left < -3:
        return State.DELIVERED
    if left < 0:
        return State.DELIVERED if luck < 0.6 else State.FINISHED if luck < 0.85 else State.WORKING
    if left <= 1:
        return State.FINISHED if luck < 0.4 else State.CHECKING if luck < 0.7 else State.WORKING
    if luck < 0.12:
        return State.QUESTION if luck < 0.08 else State.HELD
    if (cast.today - (order.received_on or cast.today)).days < 2:
        return State.RECEIVED if luck < 0.7 else State.DRAFT if luck > 0.93 else State.PLANNING
    return State.WORKING if luck < 0.75 else State.AWAY if luck < 0.85 else State.PLANNING


def _practice_for(cast: _Cast, chain: ServiceChain | None) -> Practice:
    """Orthodontists order orthodontics, the others do not."""
    is_orthodontic = chain is not None and chain.area == "KFO"
    fitting = [each for each in cast.practices if ("Kieferorth" in each.name) is is_orthodontic]
    return cast.dice.choice(fitting or cast.practices)


def _patient(cast: _Cast, practice: Practice) -> Patient:
    """Now and then somebody known, else somebody new."""
    dice, known = cast.dice, cast.patients[practice.pk]
    if known and dice.random() < 0.3:
        return dice.choice(known)
    patient = Patient.objects.create(
        practice=practice,
        name="" if practice.no_names else f"{dice.choice(_FIRST)} {dice.choice(_LAST)}",
        birth_date=None
        if practice.no_names
        else date(dice.randint(1938, 2008), dice.randint(1, 12), dice.randint(1, 28)),
        pseudonym=f"{dice.choice('ABCDFGHK')}{dice.randint(1000, 9999)}",
        insurance=Insurance.STATUTORY if dice.random() < 0.88 else Insurance.PRIVATE,
        allergies="Nickel" if dice.random() < 0.05 else "",
    )
    known.append(patient)
    return patient


def _teeth(cast: _Cast, name: str) -> dict[int, str]:
    lowered = name.lower()
    return next((dict(cast.dice.choice(choices)) for word, choices in _TEETH if word in lowered), {})


def _order_number(cast: _Cast, practice: Practice, patient: Patient, area: str, place: int) -> str:
    """Right for most; every eleventh is missing, every nineteenth has a mistyped check digit."""
    if place % 11 == 5 or practice.pk not in cast.locations:
        return ""
    body = f"{cast.locations[practice.pk]}-{patient.pseudonym}-{area}-{cast.today.year}{place:04d}-1-"
    digit = check_digit(body)
    return f"{body}{(digit + 1) % 10 if place % 19 == 7 else digit}"


def _workday(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() > 4 else day
