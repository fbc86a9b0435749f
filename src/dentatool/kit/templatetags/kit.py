"""`{% load kit %}`: what templates of slices use (docs/kit.md)."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from django import template
from django.core.paginator import Page
from django.forms import BaseForm, BoundField, CheckboxInput, RadioSelect
from django.template.loader import render_to_string
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from dentatool.kit import assets, formatting, icons
from dentatool.kit.context import Place
from dentatool.kit.teeth import PARTS
from dentatool.kit.tooth_chart import Chart, DrawnTooth
from dentatool.kit.tooth_svg import tooth_svg
from dentatool.values.money import format_money, format_permille, format_quantity

register = template.Library()
TONES = frozenset({"neutral", "accent", "good", "warn", "bad", "quiet"})

register.filter("day", formatting.day)
register.filter("short_day", formatting.short_day)
register.filter("moment", formatting.moment)


@register.filter
def money(cents: int | None) -> str:
    """Cents → `1.234,50 €`."""
    return formatting.NOTHING if cents is None or cents == "" else format_money(cents)


@register.filter
def amount(cents: int | None) -> str:
    """Cents → `1.234,50`, for columns whose head says €."""
    return formatting.NOTHING if cents is None or cents == "" else format_money(cents, sign="")


@register.filter
def quantity(milli: int | None) -> str:
    """Thousandths → `2,35`."""
    return formatting.NOTHING if milli is None or milli == "" else format_quantity(milli)


@register.filter
def permille(value: int | None) -> str:
    """Per mille → `7 %`."""
    return formatting.NOTHING if value is None or value == "" else format_permille(value)


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """`{% icon "plus" %}`"""
    return icons.icon(name, size)


@register.simple_tag
def badge(text: Any, tone: str = "neutral") -> SafeString:
    """`{% badge order.state_label "good" %}`; tones: neutral accent good warn bad quiet."""
    assert tone in TONES, f"badge: tone {tone!r} is none of {sorted(TONES)}"
    return format_html('<span class="badge badge-{}">{}</span>', tone, text)


@register.simple_tag
def styles() -> SafeString:
    return assets.style_links()


@register.simple_tag
def scripts(nonce: str) -> SafeString:
    return assets.script_tags(nonce) if nonce else SafeString("")


@register.simple_tag
def icon_link() -> SafeString:
    """The sign in the browser's tab."""
    return format_html('<link rel="icon" href="{}" type="image/svg+xml">', static("kit/sign.svg"))


@register.simple_tag
def htmx(nonce: str) -> SafeString:
    """`{% block head %}{% htmx nonce %}{% endblock %}` on pages whose parts are fetched anew."""
    return format_html('<script src="{}" nonce="{}" defer></script>', static("django_htmx/htmx-2.min.js"), nonce)


@register.simple_tag
def rail(nav: Iterable[Place]) -> SafeString:
    """`{% rail nav %}`: the navigation. Drawn once for each choice of places: it names no person."""
    return _drawn_rail(tuple(nav))


@lru_cache(maxsize=256)
def _drawn_rail(nav: tuple[Place, ...]) -> SafeString:
    return render_to_string("kit/_rail.html", {"nav": nav})


@register.simple_tag(takes_context=True)
def repeat_block(context: template.Context, name: str) -> SafeString:
    """The content of a block once more: a page's title is its heading too."""
    block = context.render_context[BLOCK_CONTEXT_KEY].get_block(name)
    return mark_safe(block.nodelist.render(context).strip()) if block else SafeString("")  # noqa: S308 - rendered, so escaped


@register.inclusion_tag("kit/_field.html")
def field(bound: BoundField, hint: str = "", width: str = "", label: str = "") -> dict[str, Any]:
    """`{% field form.name %}`: label, hint, error and input. width: short, medium, long or full."""
    return field_facts(bound, hint=hint, width=width, label=label)


def field_facts(bound: BoundField, *, hint: str = "", width: str = "", label: str = "") -> dict[str, Any]:
    """What _field.html shows."""
    assert isinstance(bound, BoundField), f"{{% field %}}: {bound!r} is no form field; is its name right?"
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


@register.inclusion_tag("kit/_errors.html")
def errors(form: BaseForm, *others: BaseForm) -> dict[str, Any]:
    """`{% errors form %}` inside each <form>: the summary of its errors, and its hidden fields."""
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
    return {"found": found, "at_large": at_large, "hidden": [bound for each in forms for bound in each.hidden_fields()]}


@register.inclusion_tag("kit/_fields.html")
def fields(form: BaseForm) -> dict[str, Any]:
    """All visible fields of a form, one below the other."""
    return {"bounds": form.visible_fields()}


@register.inclusion_tag("kit/_empty.html")
def empty(text: str, url: str = "", label: str = "") -> dict[str, str]:
    """`{% empty "Noch keine Aufträge." new_url "Neuer Auftrag" %}`: one sentence and the one button."""
    return {"text": text, "url": url, "label": label}


@register.inclusion_tag("kit/_pager.html", takes_context=True)
def pager(context: template.Context, page: Page, noun: str = "Treffer") -> dict[str, Any]:
    """`{% pager page %}`: Seite 2 von 9 · 214 Treffer."""
    return {
        "page": page,
        "noun": noun,
        "before": with_query(context, seite=page.number - 1) if page.has_previous() else "",
        "after": with_query(context, seite=page.number + 1) if page.has_next() else "",
    }


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: Any) -> str:
    """This page's query with some values changed; None or "" takes one away. `href="{% with_query seite=2 %}"`"""
    request = context.get("request")
    query = dict(request.GET.lists()) if request is not None else {}
    query.update({key: [str(value)] if value not in (None, "") else [] for key, value in changes.items()})
    return "?" + urlencode([(key, value) for key, values in query.items() for value in values])


@register.inclusion_tag("kit/_tooth_chart.html")
def tooth_chart(marked: Mapping[int, str]) -> dict[str, Any]:
    """A chart to look at: `{% tooth_chart marked %}` with `{14: "krone"}`."""
    return {"chart": Chart(marked, dict(PARTS)), "is_quiet": True}


@register.simple_tag
def tooth(drawn: DrawnTooth, is_quiet: bool | str = False) -> SafeString:
    """One tooth of a chart; only the chart's own template uses it."""
    return tooth_svg(drawn, is_quiet=bool(is_quiet))


@register.filter
def short_id(value: UUID | str) -> str:
    """The last 8 characters of an id, to tell two apart."""
    return str(conditional_escape(str(value)[-8:]))
