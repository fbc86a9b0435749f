"""The controls that the kit draws itself look exactly as Django's own templates draw them."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from dentatool.kit.form_rendering import _DRAWN, FormRenderer

EVIL = """<b>"Müller" & 'Söhne'</b>"""
ATTRS = {"id": "id_x", "class": 'a "b"', "required": True, "disabled": False, "data-n": 7, "maxlength": "12"}
CHOICES = [
    ("", "alle"),
    ("<1>", EVIL),
    (2, gettext_lazy("Zwei")),
    (3, 1234567),
    ("Gruppe <A>", [("g1", "eins"), ("g2", mark_safe("<i>2</i>"))]),
]
CONTROLS = [
    (forms.TextInput(attrs=ATTRS), EVIL),
    (forms.TextInput(), None),
    (forms.TextInput(), ""),
    (forms.TextInput(), mark_safe("&amp;")),
    (forms.NumberInput(attrs=ATTRS), 1234567),
    (forms.EmailInput(), "a@b.example"),
    (forms.PasswordInput(render_value=True), EVIL),
    (forms.HiddenInput(), EVIL),
    (forms.DateInput(), "23.11.2026"),
    (forms.CheckboxInput(), True),
    (forms.CheckboxInput(attrs=ATTRS), False),
    (forms.Textarea(attrs=ATTRS), EVIL),
    (forms.Textarea(), None),
    (forms.Textarea(), "\nerste Zeile leer\n"),
    (forms.Select(attrs=ATTRS, choices=CHOICES), "<1>"),
    (forms.Select(choices=CHOICES), 2),
    (forms.Select(choices=CHOICES), "g2"),
    (forms.Select(), None),
    (forms.SelectMultiple(choices=CHOICES), ["<1>", 2]),
    (forms.RadioSelect(choices=CHOICES), "<1>"),
]


@pytest.mark.parametrize(("widget", "value"), CONTROLS, ids=lambda each: type(each).__name__)
def test_a_control_looks_as_django_draws_it(widget: forms.Widget, value: object) -> None:
    ours = widget.render("feld<", value, {"aria-describedby": "x-hinweis"}, FormRenderer())
    assert ours == widget.render("feld<", value, {"aria-describedby": "x-hinweis"}, DjangoTemplates())


def test_nothing_typed_leaves_a_control_unescaped() -> None:
    for widget in (forms.TextInput(), forms.Textarea(), forms.HiddenInput()):
        assert "<b>" not in widget.render("x", EVIL, renderer=FormRenderer())
    assert "<script" not in forms.Select(choices=[("<script>", "<script>")]).render("x", "", renderer=FormRenderer())


def test_every_control_drawn_here_exists_in_django() -> None:
    engine = DjangoTemplates()
    for name in _DRAWN:
        assert engine.get_template(name) is not None
