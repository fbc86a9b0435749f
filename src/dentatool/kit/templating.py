"""What templates may use besides their own facts: functions and filters (docs/kit.md). Jinja2, always escaping.

Django's own templates took half of a page's time (docs/benchmarks.md, docs/decisions/templates.md).
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from django.core.paginator import Page
from django.forms import BaseForm, BoundField, CheckboxInput, RadioSelect
from django.template.defaultfilters import linebreaksbr, pluralize
from django.template.loader import render_to_string
from django.templatetags.static import static as look_up_static
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from jinja2 import Environment, StrictUndefined, Undefined, pass_context
from jinja2.runtime import Context

from dentatool.kit import assets, formatting, icons
from dentatool.kit.addresses import url
from dentatool.kit.context import Place
from dentatool.kit.teeth import PARTS
from dentatool.kit.tooth_chart import Chart, DrawnTooth
from dentatool.kit.tooth_svg import tooth_svg
from dentatool.values.money import format_money, format_permille, format_quantity

TONES = frozenset({"neutral", "accent", "good", "warn", "bad", "quiet"})


class _Absent(StrictUndefined):
    """A name that was not given: one may ask for it (`{% if x %}`), but showing it is an error."""

    __bool__ = Undefined.__bool__


class _Environment(Environment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """`row.count` is the row's own "count" before it is a method of dict; rows are most of what pages show."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def environment(**options: Any) -> Environment:
    """In settings: what every template of every slice can use."""
    made = _Environment(**{**options, "autoescape": True, "undefined": _Absent, "finalize": _shown})
    made.globals.update(_FUNCTIONS)
    made.filters.update(_FILTERS)
    made.add_extension("jinja2.ext.i18n")
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    return made


def _shown(value: Any) -> Any:
    """What `{{ … }}` shows: nothing for None, days as Germans read them; a method that was not called is loud."""
    if isinstance(value, str | int | Undefined):
        return value
    if value is None:
        return ""
    if isinstance(value, datetime):
        return formatting.moment(value)
    if isinstance(value, date):
        return formatting.day(value)
    if callable(value) or isinstance(value, float):
        raise TypeError(f"{value!r} is nothing to show")
    return value


def money(cents: int | None) -> str:
    """Cents → `1.234,50 €`."""
    return formatting.NOTHING if cents is None or cents == "" else format_money(cents)


def amount(cents: int | None) -> str:
    """Cents → `1.234,50`, for columns whose head says €."""
    return formatting.NOTHING if cents is None or cents == "" else format_money(cents, sign="")


def quantity(milli: int | None) -> str:
    """Thousandths → `2,35`."""
    return formatting.NOTHING if milli is None or milli == "" else format_quantity(milli)


def permille(value: int | None) -> str:
    """Per mille → `7 %`."""
    return formatting.NOTHING if value is None or value == "" else format_permille(value)


def icon(name: str, size: str = "") -> SafeString:
    """`{{ icon("plus") }}`"""
    return icons.icon(name, size)


def badge(text: Any, tone: str = "neutral") -> SafeString:
    """`{{ badge(order.state_label, "good") }}`; tones: neutral accent good warn bad quiet."""
    assert tone in TONES, f"badge: tone {tone!r} is none of {sorted(TONES)}"
    return format_html('<span class="badge badge-{}">{}</span>', tone, text)


# The manifest is written once, before the server starts.
static = cache(look_up_static)


def styles() -> SafeString:
    return assets.style_links()


def scripts(nonce: str) -> SafeString:
    return assets.script_tags(nonce) if nonce else SafeString("")


def icon_link() -> SafeString:
    """The sign in the browser's tab."""
    return format_html('<link rel="icon" href="{}" type="image/svg+xml">', static("kit/sign.svg"))


def htmx(nonce: str) -> SafeString:
    """`{% block head %}{{ htmx(nonce) }}{% endblock %}` on pages whose parts are fetched anew."""
    return format_html('<script src="{}" nonce="{}" defer></script>', static("django_htmx/htmx-2.min.js"), nonce)


def rail(nav: Iterable[Place]) -> SafeString:
    """`{{ rail(nav) }}`: the navigation. Drawn once for each choice of places: it names no person."""
    return _drawn_rail(tuple(nav))


@lru_cache(maxsize=256)
def _drawn_rail(nav: tuple[Place, ...]) -> SafeString:
    return render_to_string("kit/_rail.html", {"nav": nav})


def field(bound: BoundField, hint: str = "", width: str = "", label: str = "") -> SafeString:
    """`{{ field(form.name) }}`: label, hint, error and input. width: short, medium, long or full."""
    return render_to_string("kit/_field.html", _field_facts(bound, hint, width, label))


def _field_facts(bound: BoundField, hint: str, width: str, label: str) -> dict[str, Any]:
    assert isinstance(bound, BoundField), f"field(): {bound!r} is no form field; is its name right?"
    widget, plain = bound.field.widget, bound.field
    hint = hint or str(bound.help_text or "")
    described = [f"{bound.id_for_label}-hinweis"] if hint else []
    if bound.errors:
        described.append(f"{bound.id_for_label}-fehler")
    attrs: dict[str, Any] = {"aria-describedby": " ".join(described)} if described else {}
    if bound.errors:
        attrs["aria-invalid"] = "true"
    own = " ".join(filter(None, (widget.attrs.get("class", ""), f"input-{width}" if width else "")))
    if own:
        attrs["class"] = own
    is_group = isinstance(widget, RadioSelect) or getattr(widget, "input_type", "") == "radio"
    return {
        "bound": bound,
        "label": label or bound.label,
        "hint": hint,
        "unit": getattr(plain, "unit", ""),
        "is_check": isinstance(widget, CheckboxInput),
        "is_group": is_group,
        "is_hidden": bound.is_hidden,
        "is_optional": not plain.required,
        "id": bound.id_for_label or bound.auto_id,
        "control": bound.as_widget(attrs=attrs),
    }


def errors(form: BaseForm, *others: BaseForm) -> SafeString:
    """`{{ errors(form) }}` inside each <form>: the summary of its errors, and its hidden fields."""
    forms = [form, *others]
    found = [
        {"target": bound.id_for_label or bound.auto_id, "text": text}
        for each in forms
        for bound in each
        for text in bound.errors
        if not bound.is_hidden
    ]
    at_large = [text for each in forms for text in each.non_field_errors()]
    at_large += [text for each in forms for bound in each.hidden_fields() for text in bound.errors]
    hidden = [bound for each in forms for bound in each.hidden_fields()]
    return render_to_string("kit/_errors.html", {"found": found, "at_large": at_large, "hidden": hidden})


def fields(form: BaseForm) -> SafeString:
    """All visible fields of a form, one below the other."""
    return format_html_join("", "{}", ((field(bound),) for bound in form.visible_fields()))


def empty(text: str, url: str = "", label: str = "") -> SafeString:
    """`{{ empty("Noch keine Aufträge.", new_url, "Neuer Auftrag") }}`: one sentence and the one button."""
    return render_to_string("kit/_empty.html", {"text": text, "url": url, "label": label})


@pass_context
def pager(context: Context, page: Page, noun: str = "Treffer") -> SafeString:
    """`{{ pager(page) }}`: Seite 2 von 9 · 214 Treffer."""
    facts = {
        "page": page,
        "noun": noun,
        "before": with_query(context, seite=page.number - 1) if page.has_previous() else "",
        "after": with_query(context, seite=page.number + 1) if page.has_next() else "",
    }
    return render_to_string("kit/_pager.html", facts)


@pass_context
def with_query(context: Context, **changes: Any) -> str:
    """This page's query with some values changed; None or "" takes one away. `href="{{ with_query(seite=2) }}"`"""
    request = context.get("request")
    query = dict(request.GET.lists()) if request is not None else {}
    query.update({key: [str(value)] if value not in (None, "") else [] for key, value in changes.items()})
    return "?" + urlencode([(key, value) for key, values in query.items() for value in values])


def tooth_chart(marked: Mapping[int, str]) -> SafeString:
    """A chart to look at: `{{ tooth_chart(marked) }}` with `{14: "krone"}`."""
    return render_to_string("kit/_tooth_chart.html", {"chart": Chart(marked, dict(PARTS)), "is_quiet": True})


def draw_tooth(drawn: DrawnTooth, is_quiet: object = False) -> SafeString:
    """One tooth of a chart; only the chart's own template uses it."""
    return tooth_svg(drawn, is_quiet=bool(is_quiet))


def truncatechars(value: object, most: int) -> str:
    """At most so many characters; what is cut shows as …"""
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def short_id(value: UUID | str) -> str:
    """The last 8 characters of an id, to tell two apart."""
    return str(value)[-8:]


_FUNCTIONS = {
    each.__name__: each
    for each in (
        badge, draw_tooth, empty, errors, field, fields, htmx, icon, icon_link, pager, rail, scripts, static, styles,
        tooth_chart, url, with_query,
    )
}  # fmt: skip
_FILTERS = {
    each.__name__: each
    for each in (
        amount, formatting.day, formatting.moment, formatting.short_day, linebreaksbr, money, permille, pluralize,
        quantity, short_id, truncatechars,
    )
}  # fmt: skip
