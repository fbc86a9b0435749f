"""Draws the everyday form controls in Python; everything else as Django does.

Django renders a control from up to three nested templates, a select from two more for each option: half of the time of a
page with a filter (docs/benchmarks.md). What is drawn here equals Django's own output to the letter
(tests/kit/test_form_rendering.py).
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.template.loader import render_to_string
from django.utils.formats import localize
from django.utils.safestring import mark_safe

Widget = Mapping[str, Any]


class FormRenderer(DjangoTemplates):
    """In settings: FORM_RENDERER."""

    def render(self, template_name: str, context: Any, request: Any = None) -> str:
        """The control's HTML; the caller marks it safe."""
        if template_name in _OURS:
            return render_to_string(template_name, {**context, "input": mark_safe(_input(context["widget"]))})  # noqa: S308
        draw = _DRAWN.get(template_name)
        return draw(context["widget"]) if draw else str(super().render(template_name, context, request))


def _escaped(value: Any) -> str:
    return str(value.__html__()) if hasattr(value, "__html__") else escape(str(value))


def _shown(value: Any) -> str:
    return _escaped(value if isinstance(value, str) else localize(value))


def _attributes(attrs: Mapping[str, Any]) -> str:
    return "".join(
        f" {_escaped(name)}" if value is True else f' {_escaped(name)}="{_escaped(value)}"'
        for name, value in attrs.items()
        if value is not False
    )


def _input(widget: Widget) -> str:
    value = "" if widget["value"] is None else f' value="{_escaped(widget["value"])}"'
    return f'<input type="{_escaped(widget["type"])}" name="{_escaped(widget["name"])}"{value}{_attributes(widget["attrs"])}>'


def _textarea(widget: Widget) -> str:
    text = _shown(widget["value"]) if widget["value"] else ""
    return f'<textarea name="{_escaped(widget["name"])}"{_attributes(widget["attrs"])}>\n{text}</textarea>'


def _select(widget: Widget) -> str:
    parts = [f'<select name="{_escaped(widget["name"])}"{_attributes(widget["attrs"])}>']
    for group, options, _index in widget["optgroups"]:
        if group:
            parts.append(f'\n  <optgroup label="{_shown(group)}">')
        parts += [f"\n  {_option(option)}" for option in options]
        if group:
            parts.append("\n  </optgroup>")
    return "".join(parts) + "\n</select>"


def _option(option: Widget) -> str:
    return f'<option value="{_escaped(option["value"])}"{_attributes(option["attrs"])}>{_shown(option["label"])}</option>\n'


_OURS = frozenset({"kit/teeth.html"})  # controls of the kit with a template of its own
_INPUTS = ("input", "text", "number", "email", "url", "password", "hidden", "checkbox", "date", "search", "tel")
_DRAWN: dict[str, Callable[[Widget], str]] = {
    **{f"django/forms/widgets/{name}.html": _input for name in _INPUTS},
    "django/forms/widgets/textarea.html": _textarea,
    "django/forms/widgets/select.html": _select,
}
