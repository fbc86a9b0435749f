"""How many Laborabrechnungsdaten files a core writes in a second, each checked against schema and trade rules."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import psycopg

from dentatool import __version__
from dentatool.project.bench.load import Measured
from dentatool.project.console import Failure


def xml_speed(measured: Measured, link: psycopg.Connection, rounds: int) -> dict[str, Any]:
    """Files per second: library alone, from issued invoices through the database, and with hand-written SQL."""
    from dentatool.billing.actions import xml_of  # noqa: PLC0415
    from dentatool.billing.models import Invoice  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    fetched = _fetched(link, measured)

    def library() -> int:
        return sum(_written(*each) for each in fetched)

    def ours() -> int:
        with laboratory(measured.lab_id, actor=measured.account_id):
            found = Invoice.objects.issued().invoices().select_related("order", "practice")
            return sum(xml_of(invoice).file is not None for invoice in found)

    def raw() -> int:
        return sum(_written(*each) for each in _fetched(link, measured))

    ways = {"library": library, "database": ours, "raw": raw}
    for name, way in ways.items():
        if (made := way()) != len(fetched):
            raise Failure(f"XML-Messung {name}: {made} von {len(fetched)} Dateien sind entstanden.")
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            rates[name].append(_rate(way))
    found = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "files": len(fetched),
        "lines_each": statistics.mean(len(lines) for _header, lines in fetched),
        "library_per_s": found["library"],
        "database_per_s": found["database"],
        "raw_per_s": found["raw"],
        "ratio": found["raw"] / found["database"],
    }


def _rate(way: Callable[[], int]) -> float:
    begun = time.perf_counter()
    made = way()
    return made / (time.perf_counter() - begun)


def _fetched(link: psycopg.Connection, measured: Measured) -> list[tuple[Any, list[Any]]]:
    """Header and lines of each invoice from the plain tables: two statements an invoice."""
    from dentatool.billing.kzbv_xml import Header, PlainLine  # noqa: PLC0415

    found = []
    with link.transaction(), link.cursor() as cursor:
        invoices = cursor.execute(
            """select i.id, f.name, f.place, f.region, i.delivered_on, i.number, o.order_number
            from plain.billing_invoice i
            join plain.orders_order o on o.lab_id = i.lab_id and o.id = i.order_id
            join plain.team_laboratoryprofile f on f.lab_id = i.lab_id
            where i.lab_id = %s and i.kind = 'invoice' and i.issued_at is not null order by i.id""",
            [measured.lab_id],
        ).fetchall()
        for key, name, place, region, delivered_on, number, order_number in invoices:
            lines = cursor.execute(
                """select art, text, price_cents, quantity_milli, vat_permille, number from plain.billing_invoiceline
                where lab_id = %s and invoice_id = %s order by rank, id""",
                [measured.lab_id, key],
            ).fetchall()
            header = Header(
                laboratory=name, place=place, region=region, delivered_on=delivered_on, number=number,
                order_number=order_number, software_version=__version__,
            )  # fmt: skip
            found.append((header, [PlainLine(*line) for line in lines]))
    return found


def _written(header: Any, lines: list[Any]) -> bool:
    from dentatool.billing.kzbv_xml import XmlFile, export  # noqa: PLC0415

    return isinstance(export(header, lines, version="4.5"), XmlFile)
