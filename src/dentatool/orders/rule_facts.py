"""Facts of BEL II that bind positions to each other (BEL II 2014, consolidated 2022; § 2 and the single numbers).

Numbers as four digits. Nothing here changes an order: `rules` turns the facts into words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """How surely two numbers exclude each other."""

    ORDER = "order"  # never together on one order
    TOOTH = "tooth"  # not for the same tooth
    CHECK = "check"  # only in the case that the reason names: the person judges


@dataclass(frozen=True, slots=True)
class Exclusion:
    """`number` is not billed beside any of `beside`."""

    number: str
    beside: tuple[str, ...]
    scope: Scope
    why: str


_ONLY_CENTRIC = "wenn Seit- und Vorschubbewegungen keine Rolle spielen"
_RELINING = "die Bisslage wird hier nur mit Modell und Fixator (011 2) festgehalten"

EXCLUSIONS: Final = (
    Exclusion("0111", ("0130",), Scope.CHECK, "für dasselbe Modellpaar"),
    Exclusion("0112", ("0120",), Scope.CHECK, "bei Wiederherstellungen"),
    Exclusion("0115", ("0125",), Scope.CHECK, "bei Wiederherstellungen"),
    Exclusion("0120", ("0320", "1040", "8080"), Scope.CHECK, _ONLY_CENTRIC),
    Exclusion("0128", ("8088",), Scope.CHECK, _ONLY_CENTRIC),
    Exclusion("0310", ("0320",), Scope.CHECK, "direktes und indirektes Verfahren schließen sich aus"),
    Exclusion("0021", ("2010",), Scope.CHECK, "wenn das Duplikat aus Einbettmasse ist"),
    Exclusion("0120", ("8090", "8100", "8640"), Scope.ORDER, _RELINING),
    Exclusion("0125", ("8085",), Scope.ORDER, "die Bisslage wird hier nur mit 001 5 und 011 5 festgehalten"),
    Exclusion("0128", ("8098",), Scope.ORDER, _RELINING),
    Exclusion("1013", ("1050",), Scope.TOOTH, "Wurzelstiftkappe und Stiftaufbau am selben Zahn"),
    Exclusion("1022", ("1600", "1620", "1640"), Scope.ORDER, "eine Teilkrone wird nicht verblendet"),
    Exclusion("1031", ("1032",), Scope.TOOTH, "für dieselbe Krone oder dasselbe Brückenglied"),
    Exclusion("3030", ("3410",), Scope.TOOTH, "für denselben Konfektionszahn"),
    Exclusion("3830", ("3020", "3028", "3030", "3410", "3620", "3628"), Scope.TOOTH, "für denselben Zahn"),
    Exclusion("3010", ("4010", "4020"), Scope.CHECK, "am Aufbissbehelf"),
    Exclusion("3610", ("4010", "4020"), Scope.CHECK, "am Aufbissbehelf"),
    Exclusion("7121", ("7100",), Scope.CHECK, "bei elastischen Fertigteilen"),
    Exclusion("2010", ("8060",), Scope.ORDER, "das Basisteil ist Teil der Metallbasis"),
    Exclusion("2081", ("3020", "3030", "3620"), Scope.ORDER, "das Aufstellen und Fertigstellen ist enthalten"),
    Exclusion("2082", ("3020", "3030", "3620"), Scope.TOOTH, "für den Metallzahn"),
    Exclusion("2083", ("3020", "3030", "3620"), Scope.TOOTH, "für die Metallkaufläche"),
    Exclusion("8070", ("8030", "8040", "8060"), Scope.ORDER, "die Metallverbindung ist dort enthalten"),
    Exclusion("8024", ("8023",), Scope.CHECK, "wenn nur das Schild der Erweiterung neu gestaltet wird"),
    Exclusion("8640", ("8610",), Scope.ORDER, "die neue Basis ist keine Instandsetzung"),
)

# Relining beside the basic unit of a repair only if a real repair unit (802 x, 862 x) is billed too.
RELININGS: Final = {
    "8080": "8010",
    "8090": "8010",
    "8100": "8010",
    "8088": "8018",
    "8098": "8018",
    "8108": "8018",
}
RELINING_ORTHODONTIC: Final = ("8080", "8090")
ORTHODONTIC_BASIC_UNIT: Final = "8610"
REPAIR_UNITS: Final = ("8021", "8022", "8023", "8024", "8025", "8026", "8027")
REPAIR_BASIC_UNITS: Final = ("8010", "8018")
ORTHODONTIC_REPAIR_UNITS: Final = ("8620", "8630")

UKPS: Final = frozenset(
    {
        *("0015", "0025", "0115", "0125", "0205", "0217", "5010", "5020", "5100", "5110"),
        *("5200", "5210", "8085", "8500", "8511", "8512", "8513", "8514", "9335"),
    }
)


class Per(StrEnum):
    """What a maximum counts against."""

    ORDER = "order"
    JAW = "jaw"  # also per denture: an order holds at most one of each jaw
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Maximum:
    """At most so many pieces. An error is never billable, a warning asks the person."""

    number: str
    most: int
    per: Per
    is_error: bool
    why: str


_JAWS: Final = ("0055", "2010", "3010", "3018", "3610", "3618", "3821", "3822", "7121", "7122")
_DENTURES: Final = ("8010", "8018", "8080", "8090", "8100")
MAXIMA: Final = (
    Maximum("0120", 1, Per.ORDER, False, "einmal je Fall, erneut nur nach neuem Abdruck oder Biss"),
    Maximum("0128", 1, Per.ORDER, False, "einmal je Fall, erneut nur nach neuem Abdruck oder Biss"),
    Maximum("0125", 1, Per.ORDER, False, "einmal je Schiene"),
    Maximum("0015", 6, Per.ORDER, True, "höchstens 6 Modelle je Unterkieferprotrusionsschiene"),
    Maximum("5010", 1, Per.ORDER, True, "einmal je Unterkieferprotrusionsschiene"),
    Maximum("5020", 2, Per.ORDER, True, "höchstens 2 je Unterkieferprotrusionsschiene"),
    Maximum("5100", 4, Per.ORDER, True, "höchstens 4 je Unterkieferprotrusionsschiene"),
    Maximum("5110", 2, Per.ORDER, True, "höchstens 2 je Unterkieferprotrusionsschiene"),
    Maximum("5200", 4, Per.ORDER, True, "höchstens 4 je Unterkieferprotrusionsschiene"),
    *(Maximum(number, 1, Per.JAW, False, "einmal je Kiefer") for number in _JAWS),
    *(Maximum(number, 1, Per.JAW, False, "einmal je Prothese") for number in _DENTURES),
    Maximum("0023", 3, Per.MODEL, False, "höchstens 3 je Modell"),
)
MODELS: Final = ("0010", "0015", "0018")

# 970 0 at most as often as these, 120 0 counts twice (primary and secondary part).
NON_PRECIOUS: Final = "9700"
NON_PRECIOUS_FOR: Final = {
    **dict.fromkeys(
        ("0240", "1013", "1021", "1022", "1023", "1024", "1026", "1028", "1040", "1050", "1100", "1201", "1331"), 1
    ),
    "1200": 2,
}

SHIPPING: Final = frozenset({"9330", "9335", "9338"})  # not for the practice's own laboratory
ONLY_PRACTICE_LABORATORY: Final = "0060"
VENEERS: Final = frozenset({"1600", "1620", "1640", "3840"})
CROWN_FOR_VENEER: Final = frozenset({"1024", "1028"})
