"""The paper: the same bytes from the same invoice, every letter shown or replaced, nothing of it run as markup."""

import json
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from dentatool.billing.actions import cancel_invoice, draft_invoice, issue_invoice, pdf_of
from dentatool.billing.models import Invoice
from dentatool.billing.paper import pdf as pdf_module
from dentatool.billing.paper.pdf import render
from dentatool.billing.paper.wording import words_of

LETTERS = Path(pdf_module.__file__).parent / "letters.json"
LABORATORY = {
    **{
        "name": "Dentallabor Huber",
        "street": "Am Ring 1",
        "postcode": "83022",
        "city": "Rosenheim",
        "phone": "08031 1",
    },
    **{"email": "labor@huber.example", "tax_number": "156/114/50321", "vat_id": "", "iban": "DE02120300000000202051"},
    **{"bic": "", "bank": "Musterbank", "region": "BY", "place": "D-Rosenheim", "lab_type": "gewerbe"},
}


def content(lines, **changed):
    net = sum(line["amount_cents"] for line in lines)
    vat = (net * 70 * 2 + 1000) // 2000
    return {
        **{"template": 1, "kind": "invoice", "number": "RE-2026-000001", "invoice_date": "2026-03-13"},
        **{"delivered_on": "2026-03-12", "cancels": None, "laboratory": LABORATORY, "dentist": "Dr. Eva Sommer"},
        "practice": {
            "customer_number": "17",
            "name": "Praxis Sommer",
            "street": "Weg 2",
            "postcode": "80331",
            "city": "München",
        },
        "patient": {"pseudonym": "4711", "name": "Erika Mustermann", "insurance": "gkv"},
        "order": {
            "number": "26-0001",
            "order_number": "565901-4711-ZE-20260015-1-6",
            "kind": "Krone",
            "shade": "A3",
            "teeth": "14",
        },
        "lines": lines,
        "groups": [{"vat_permille": 70, "net_cents": net, "vat_cents": vat}],
        **{"net_cents": net, "vat_cents": vat, "gross_cents": net + vat},
        "terms": {"payment_days": 30, "due_on": "2026-04-12", "skonto_permille": 0},
        **changed,
    }


def line(text="Modell", rank=1, **changed):
    return {
        **{"rank": rank, "art": "NBL", "number": "", "text": text, "price_cents": 1000, "quantity_milli": 1000},
        **{"vat_permille": 70, "tooth": "", "amount_cents": 1000},
        **changed,
    }


def shown(pdf):
    """The text of the pages as a reader finds it."""
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=False)
    return " ".join(done.stdout.decode().split())


@pytest.fixture(scope="session", autouse=True)
def needs_pdftotext():
    from shutil import which

    if which("pdftotext") is None:
        pytest.skip("NICHT GEPRÜFT: pdftotext (poppler-utils) fehlt, der Text der PDF-Dateien wird nicht gelesen.")


def test_the_paper_shows_what_the_law_and_the_practice_want():
    text = shown(render(words_of(content([line(art="BEL", number="0010")]))))

    for wanted in (
        *("Rechnung RE-2026-000001", "13.03.2026", "12.03.2026", "Dentallabor Huber", "Am Ring 1", "Praxis Sommer"),
        *("156/114/50321", "565901-4711-ZE-20260015-1-6", "Erika Mustermann", "001 0", "Rosenheim, Deutschland"),
        *("Netto zu 7 %", "Mehrwertsteuer 7 %", "10,70 €", "Zahlbar bis 12.04.2026", "Seite 1 von 1"),
    ):
        assert wanted in text


def test_the_same_invoice_gives_the_same_bytes(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))
        assert pdf_of(invoice) == pdf_of(Invoice.objects.get(pk=invoice.pk))


def test_a_draft_says_so_on_the_page_and_has_no_number(anna, finished_order):
    with anna.at_work():
        text = shown(pdf_of(draft_invoice(finished_order())))

    assert "Entwurf einer Rechnung" in text
    assert "noch keine" in text
    assert "RE-" not in text


def test_the_watermark_stands_on_every_page_of_a_draft_and_on_no_invoice():
    lines = [line(f"Leistung {rank}", rank) for rank in range(1, 101)]

    def watermarks(is_draft):
        pdf = render(words_of(content(lines), is_draft=is_draft))
        # Large rotated letters come out one by one: count the pages' 108-point glyph runs by their bounding boxes.
        done = subprocess.run(
            ["pdftotext", "-bbox", "-", "-"], input=pdf, capture_output=True, check=False
        ).stdout.decode()
        pages = done.split("<page ")[1:]
        return [any(height > 60 for height in _heights(page)) for page in pages]

    assert watermarks(is_draft=True) == [True] * 3
    assert watermarks(is_draft=False) == [False] * 3


def _heights(page):
    boxes = re.findall(r'yMin="([0-9.]+)" xMax="[0-9.]+" yMax="([0-9.]+)"', page)
    return [float(bottom) - float(top) for top, bottom in boxes]


def test_a_cancellation_names_its_invoice_and_shows_negative_sums(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))
        text = shown(pdf_of(cancel_invoice(invoice, "Menge falsch").cancellation))

    assert f"Storno zu Rechnung {invoice.number} vom {invoice.invoice_date:%d.%m.%Y}." in text
    assert "Grund: Menge falsch" in text
    assert "−129,95 €" in text


HOSTILE = [
    '#read("/etc/passwd")',
    "#panic()",
    "*fett* _kursiv_ $x^2$ `raw` <label> @ref [inhalt] = Titel",
    "\\u{41} \\n \\\\ // Kommentar /* noch einer */",
    '"}); #import "x.typ": *',
    "{{ 7*7 }} ${7*7} %s %(a)s",
    "--- ... -- ~ ' \"",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_a_text_is_shown_and_never_run(text):
    pdf = render(words_of(content([line(text)], dentist=text, cancels=None)))

    assert " ".join(text.split()) in shown(pdf)


@pytest.mark.parametrize(
    "text",
    [
        "😀👩‍🔬",
        "中文 العربية",
        "\0\x01\x1b",
        "W" * 400,
        "\u202eabc",
        "a\u0301" * 60,
        "\ue000\U0010ffff",
        "ẞ ﬁ Ω Ж →",
        "\u200b",
    ],
)
def test_no_letter_breaks_the_paper(text):
    words = words_of(content([line(text or "x", tooth=text[:60])], practice={**content([])["practice"], "name": text}))

    assert render(words).startswith(b"%PDF-1.")


def test_every_letter_that_is_said_to_have_a_shape_has_one_in_any_company():
    letters = [chr(code) for first, last in json.loads(LETTERS.read_text()) for code in range(first, last + 1)]
    lines = [line("".join(letters[start : start + 90]), start) for start in range(0, len(letters), 90)]

    for start in range(0, len(lines), 16):
        assert render(words_of(content(lines[start : start + 16]))).startswith(b"%PDF-1.")


def test_the_paper_is_tagged_for_readers_and_for_the_archive():
    pdf = render(words_of(content([line()])))

    for told in (b"pdfaid:part>3<", b"pdfaid:conformance>A<", b"pdfuaid:part>1<", b"/MarkInfo", b"/StructTreeRoot"):
        assert told in pdf


def test_a_letter_that_no_font_has_becomes_a_square():
    assert "Krone □ fertig" in shown(render(words_of(content([line("Krone 😀 fertig")]))))


def test_500_lines_take_several_pages_with_numbers_and_heads():
    lines = [line(f"Leistung {rank}", rank) for rank in range(1, 501)]

    text = shown(render(words_of(content(lines))))

    assert "Leistung 500" in text
    assert text.count("Leistung Zahn Menge") == text.count("Seite ") > 10


def test_two_rates_are_shown_apart():
    lines = [line("Krone"), line("Bürste", 2, vat_permille=190)]
    groups = [{"vat_permille": rate, "net_cents": 1000, "vat_cents": rate} for rate in (70, 190)]

    text = shown(render(words_of(content(lines, groups=groups))))

    assert "Netto zu 7 % 10,00 € Mehrwertsteuer 7 % 0,70 € Netto zu 19 % 10,00 € Mehrwertsteuer 19 % 1,90 €" in text


def test_skonto_is_told_with_day_and_amount():
    terms = {
        **{
            "payment_days": 30,
            "due_on": "2026-04-12",
            "skonto_permille": 20,
            "skonto_days": 10,
            "skonto_until": "2026-03-23",
        },
        **{"skonto_cents": 21, "skonto_gross_cents": 1049},
    }

    text = shown(render(words_of(content([line()], terms=terms))))

    assert "Bei Zahlung bis 23.03.2026 gewähren wir 2 % Skonto (0,21 €); zu zahlen sind dann 10,49 €." in text


def test_the_date_inside_the_file_is_that_of_the_invoice():
    pdf = render(words_of(content([line()])))
    told = subprocess.run(["pdfinfo", "-isodates", "-"], input=pdf, capture_output=True, check=False).stdout.decode()

    assert f"CreationDate:    {date(2026, 3, 13)}" in told
    assert "Rechnung RE-2026-000001" in told
