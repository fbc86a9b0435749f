"""Template tags and frames: escaped, labelled, and without a line of inline code."""

import re
from types import SimpleNamespace

import pytest
from django import forms as plain
from django.core.paginator import Paginator
from django.template import engines
from django.template.loader import render_to_string
from django.test import RequestFactory

from dentatool.kit import assets
from dentatool.kit.forms import DateField, Form, MoneyField, TeethField

pytestmark = pytest.mark.usefixtures("unhashed_static")

FRAME = {
    "nav": [],
    "account_nav": [],
    "new_order": "",
    "laboratory_name": "Labor",
    "sign_out": "/abmelden/",
    "account": SimpleNamespace(display_name="Anna", idle_minutes=30, ends_at=1790000000, has_drafts=False),
    "csrf_input": "",
}
SHOUT = '<img src=x onerror="alert(1)">'


class Intake(Form):
    """A form as slices write it."""

    name = plain.CharField(label="Name", help_text="Wie auf dem Auftrag")
    due = DateField(label="Termin", required=False)
    price = MoneyField(label="Preis", required=False)
    teeth = TeethField(label="Zähne", required=False)


def rendered(source: str, **facts: object) -> str:
    return str(engines["pages"].from_string(source).render(facts, facts.pop("request", None)))


def test_a_field_shows_label_hint_error_and_value_tied_together():
    html = rendered("{{ field(form.name) }}", form=Intake({"due": "x"}))

    assert '<label class="label" for="id_name">Name' in html
    assert 'id="id_name-hinweis">Wie auf dem Auftrag' in html
    assert 'aria-describedby="id_name-hinweis id_name-fehler"' in html
    assert 'aria-invalid="true"' in html
    assert "Bitte „Name“ ausfüllen." in html


def test_the_summary_says_the_same_words_and_links_to_the_field():
    html = rendered("{{ errors(form) }}", form=Intake({"name": "A", "due": "31.02.2026"}))
    (words,) = Intake({"name": "A", "due": "31.02.2026"}).errors["due"]

    assert f'<a href="#id_due">{words}</a>' in html
    assert 'role="alert"' in html


def test_no_summary_without_errors():
    assert rendered("{{ errors(form) }}", form=Intake()).strip() == ""


def test_everything_typed_comes_back_escaped():
    html = rendered("{{ errors(form) }}{{ fields(form) }}", form=Intake(dict.fromkeys(Intake.base_fields, SHOUT)))

    assert SHOUT not in html
    assert "&lt;img" in html


def test_a_misspelt_field_name_is_loud():
    with pytest.raises(AssertionError, match="no form field"):
        rendered("{{ field(form.nmae) }}", form=Intake())


def test_the_pager_counts_and_keeps_the_filter():
    request = RequestFactory().get("/auftraege/?status=offen&seite=2")
    html = rendered("{{ pager(page) }}", page=Paginator(range(214), 25).page(2), request=request)

    assert "Seite 2 von 9 · 214 Treffer" in html
    assert 'href="?status=offen&amp;seite=1"' in html
    assert 'href="?status=offen&amp;seite=3"' in html


def test_formats():
    html = rendered(
        "{{ c|money }}|{{ c|amount }}|{{ n|money }}|{{ q|quantity }}|{{ p|permille }}", c=-123456, n=None, q=1500, p=70
    )

    assert re.sub(r"\s", " ", html) == "−1.234,56 €|−1.234,56|–|1,5|7 %"


def test_a_badge_of_an_unknown_tone_is_loud():
    with pytest.raises(AssertionError, match="tone"):
        rendered('{{ badge("x", "rot") }}')


def test_the_title_is_the_heading_too():
    source = '{% extends "kit/page.html" %}{% block title %}Aufträge & mehr{{ x }}{% endblock %}'
    html = rendered(source, x=SHOUT, **FRAME)

    assert "<title>Aufträge & mehr&lt;img" in html
    assert re.search(r"<h1>Aufträge & mehr&lt;img[^<]*</h1>", html)


@pytest.mark.parametrize("frame", ["kit/page.html", "kit/bare.html"])
def test_no_inline_code_anywhere_in_a_page(frame):
    facts = {
        **FRAME,
        "title": SHOUT,
        "message": SHOUT,
        "what_to_do": SHOUT,
        "reference": SHOUT,
        "frame": frame,
        "nonce": "abc",
    }
    html = render_to_string("kit/error.html", facts)

    assert SHOUT not in html
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    scripts = re.findall(r"<script([^>]*)>([^<]*)</script>", html)
    assert len(scripts) == len(assets.SCRIPTS)
    assert all('nonce="abc"' in attributes and not content for attributes, content in scripts)
    assert "<style" not in html


def test_the_page_of_an_unexpected_error_needs_neither_request_nor_person():
    html = render_to_string("kit/error.html", {"title": "T", "message": "M", "reference": "r1"})

    assert "<h1>T</h1>" in html
    assert "<code>r1</code>" in html
    assert "<script" not in html


def test_every_style_sheet_and_script_that_is_linked_exists():
    from django.contrib.staticfiles import finders

    wanted = [f"kit/css/{name}.css" for name in assets.STYLES] + [f"kit/js/{name}.js" for name in assets.SCRIPTS]

    assert [name for name in [*wanted, "kit/sign.svg", "django_htmx/htmx-2.min.js"] if finders.find(name) is None] == []


def test_colours_and_sizes_come_from_the_tokens_alone():
    from pathlib import Path

    from django.contrib.staticfiles import finders

    loose = {}
    for name in assets.STYLES:
        text = re.sub(r"/\*.*?\*/", "", Path(finders.find(f"kit/css/{name}.css")).read_text(), flags=re.S)
        if name not in ("tokens", "print"):
            loose[name] = re.findall(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(", text)

    assert {name: found for name, found in loose.items() if found} == {}
