"""One plain invoice and ways to change it."""

from __future__ import annotations

from datetime import date

from dentatool.billing.kzbv_xml import Header, Invoice, PlainLine, from_lines

HEADER = Header(
    laboratory="Dentallabor Anna Huber GmbH",
    place="D-München",
    region="BY",
    delivered_on=date(2026, 3, 12),
    number="2026-0017",
    order_number="289202-600-ZE-8040-30-3",
    software_version="0.1",
)
MODEL = PlainLine("BEL", "Modell", 845, 2000, number="0010")
FIXATOR = PlainLine("BEL", "Fixator", 1100, number="0112")
GOLD = PlainLine("EDM", "Legierung, Charge T-1", 13870, 2350)
CROWN = PlainLine("NBL", "Krone aus Zirkon", 25000)
DISCOUNT = PlainLine("RBT", "Nachlass 3 %", 750)
BRUSH = PlainLine("NBL", "Reinigungsbürste", 590, vat_permille=190)


def invoice(*lines: PlainLine) -> Invoice:
    made = from_lines(HEADER, lines or (MODEL, FIXATOR, GOLD, CROWN, DISCOUNT))
    assert isinstance(made, Invoice), made
    return made
