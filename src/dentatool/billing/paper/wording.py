"""What stands on the paper, word for word: a snapshot's numbers and days turned into German text. Pure.

The template lays out what it is given; it computes nothing and never reads these texts as markup.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from dentatool.values.days import format_day
from dentatool.values.money import format_money, format_permille, format_quantity

LONGEST_WORD: Final = 24
_LONG_WORD: Final = re.compile(rf"[^\s\u200b-]{{{LONGEST_WORD + 1},}}")
_ART_NAMES: Final = {"EDM": "Edelmetall", "MAT": "Material", "NBL": "", "RBT": "", "TEXT": "", "BEL": ""}
_GRAMS: Final = "EDM"


def words_of(content: Mapping[str, Any], *, is_draft: bool = False) -> dict[str, Any]:
    """Everything the template shows, as text and lists of text."""
    words = {
        "template": content["template"],
        "lang": "de",
        "draft": is_draft,
        "title": _title(content, is_draft),
        "cancels": _cancels(content),
        "sender": _sender(content["laboratory"]),
        "letterhead": _letterhead(content["laboratory"]),
        "recipient": _recipient(content),
        "info": _info(content),
        "facts": _facts(content),
        "has_rates": len(content["groups"]) > 1,
        "lines": [_line(line) for line in content["lines"]],
        "groups": [_group(group) for group in content["groups"]],
        "net": format_money(content["net_cents"]),
        "gross_label": "Stornobetrag" if content["kind"] == "cancellation" else "Rechnungsbetrag",
        "gross": format_money(content["gross_cents"]),
        "terms": _terms(content),
        "footer": _footer(content["laboratory"]),
        "number": content["number"] or "Entwurf",
        "day": _date_parts(content),
    }
    return _clean(words)


def _title(content: Mapping[str, Any], is_draft: bool) -> str:
    if is_draft:
        return "Entwurf einer Rechnung"
    return f"{'Storno' if content['kind'] == 'cancellation' else 'Rechnung'} {content['number']}"


def _cancels(content: Mapping[str, Any]) -> list[str]:
    cancelled = content["cancels"]
    if not cancelled:
        return []
    reference = f"Storno zu Rechnung {cancelled['number']} vom {_day(cancelled['invoice_date'])}."
    return [reference, f"Grund: {cancelled['reason']}"] if cancelled["reason"] else [reference]


def _sender(laboratory: Mapping[str, str]) -> str:
    place = f"{laboratory['postcode']} {laboratory['city']}".strip()
    return " · ".join(filter(None, (laboratory["name"], laboratory["street"], place)))


def _letterhead(laboratory: Mapping[str, str]) -> dict[str, Any]:
    place = f"{laboratory['postcode']} {laboratory['city']}".strip()
    reach = [f"Telefon {laboratory['phone']}" if laboratory["phone"] else "", laboratory["email"]]
    return {
        "name": laboratory["name"],
        "lines": [line for line in (laboratory["street"], place, *reach) if line],
    }


def _recipient(content: Mapping[str, Any]) -> list[str]:
    practice = content["practice"]
    place = f"{practice['postcode']} {practice['city']}".strip()
    return [line for line in (practice["name"], practice["street"], place) if line]


def _info(content: Mapping[str, Any]) -> list[list[str]]:
    """The block beside the address: what one looks for first."""
    is_cancellation = content["kind"] == "cancellation"
    rows = (
        ("Stornonummer" if is_cancellation else "Rechnungsnummer", content["number"] or "noch keine"),
        ("Stornodatum" if is_cancellation else "Rechnungsdatum", _day(content["invoice_date"]) or "noch keines"),
        ("Lieferdatum", _day(content["delivered_on"])),
        ("Kundennummer", content["practice"]["customer_number"]),
        ("Auftrag", content["order"]["number"]),
    )
    return [[label, value] for label, value in rows if value]


def _facts(content: Mapping[str, Any]) -> list[list[str]]:
    """What the work was and for whom, above the lines."""
    order, patient = content["order"], content["patient"]
    who = ", ".join(filter(None, (patient["name"], patient["pseudonym"] and f"Patientennummer {patient['pseudonym']}")))
    rows = (
        ("Auftragsnummer", order["order_number"]),
        ("Patient", who),
        ("Behandler", content["dentist"]),
        ("Arbeit", order["kind"]),
        ("Zähne", order["teeth"]),
        ("Zahnfarbe", order["shade"]),
        ("Herstellungsort", _place(content["laboratory"]["place"])),
    )
    return [[label, value] for label, value in rows if value]


def _place(place: str) -> str:
    """``D-München`` → ``München, Deutschland``; another country's name stays."""
    return f"{place[2:]}, Deutschland" if place.startswith("D-") and len(place) > 2 else place


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    is_text = line["art"] == "TEXT"
    number = line["number"]
    amount = line["amount_cents"]
    return {
        "is_text": is_text,
        "number": f"{number[:3]} {number[3:]}" if line["art"] == "BEL" and len(number) == 4 else number,
        "text": line["text"],
        "kind": _ART_NAMES.get(line["art"], ""),
        "tooth": line["tooth"],
        "quantity": "" if is_text else _quantity(line),
        "price": "" if is_text else format_money(line["price_cents"], sign=""),
        "rate": "" if is_text else format_permille(line["vat_permille"]),
        "amount": "" if is_text else format_money(amount, sign=""),
    }


def _quantity(line: Mapping[str, Any]) -> str:
    shown = format_quantity(line["quantity_milli"])
    return f"{shown} g" if line["art"] == _GRAMS else shown


def _group(group: Mapping[str, int]) -> dict[str, str]:
    rate = format_permille(group["vat_permille"])
    return {
        "net_label": f"Netto zu {rate}",
        "net": format_money(group["net_cents"]),
        "vat_label": f"Mehrwertsteuer {rate}",
        "vat": format_money(group["vat_cents"]),
    }


def _terms(content: Mapping[str, Any]) -> list[str]:
    terms = content["terms"]
    if content["kind"] == "cancellation":
        return ["Der Betrag der stornierten Rechnung wird hiermit vollständig zurückgenommen."]
    if not terms:
        return []
    due = f"Zahlbar bis {_day(terms['due_on'])} ohne Abzug."
    if not terms["skonto_permille"]:
        return [due]
    return [
        f"{due} Bei Zahlung bis {_day(terms['skonto_until'])} gewähren wir {format_permille(terms['skonto_permille'])} Skonto "
        f"({format_money(terms['skonto_cents'])}); zu zahlen sind dann {format_money(terms['skonto_gross_cents'])}."
    ]


def _footer(laboratory: Mapping[str, str]) -> list[list[str]]:
    place = f"{laboratory['postcode']} {laboratory['city']}".strip()
    bank = [
        laboratory["bank"],
        f"IBAN {_grouped(laboratory['iban'])}" if laboratory["iban"] else "",
        f"BIC {laboratory['bic']}" if laboratory["bic"] else "",
    ]
    tax = [
        f"Steuernummer {laboratory['tax_number']}" if laboratory["tax_number"] else "",
        f"USt-IdNr. {laboratory['vat_id']}" if laboratory["vat_id"] else "",
    ]
    address = [laboratory["name"], laboratory["street"], place]
    return [[line for line in column if line] for column in (address, bank, tax)]


def _grouped(iban: str) -> str:
    bare = iban.replace(" ", "")
    return " ".join(bare[start : start + 4] for start in range(0, len(bare), 4))


def _day(text: str | None) -> str:
    return format_day(date.fromisoformat(text)) if text else ""


def _date_parts(content: Mapping[str, Any]) -> list[int]:
    """The document's date is the invoice's date, so that the same invoice always gives the same bytes."""
    day = date.fromisoformat(content["invoice_date"] or content["delivered_on"] or "2000-01-01")
    return [day.year, day.month, day.day]


def _clean(value: Any) -> Any:
    """Every text in one Unicode form, without control characters, and with places where a very long word may break."""
    if isinstance(value, str):
        return _LONG_WORD.sub(_breakable, "".join(map(_visible, unicodedata.normalize("NFC", value))))
    if isinstance(value, Mapping):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [_clean(item) for item in value]
    return value


def _visible(letter: str) -> str:
    """Control characters become blanks; marks that turn the direction of writing or join letters are left out."""
    category = unicodedata.category(letter)
    if category == "Cf":
        return ""
    return " " if category in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") else letter


def _breakable(word: re.Match[str]) -> str:
    text = word[0]
    return "\u200b".join(text[start : start + LONGEST_WORD] for start in range(0, len(text), LONGEST_WORD))
