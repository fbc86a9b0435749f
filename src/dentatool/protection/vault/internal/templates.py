"""Jinja2 templates, rendered so that an unreadable value is shown as such instead of ending the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template.backends.jinja2 import Jinja2, Template
from django.template.backends.utils import csrf_input
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString, mark_safe

from dentatool.protection.vault.internal.ciphertext import DecryptError


class PageTemplates(Jinja2):
    """The template engine of the pages. In settings: TEMPLATES[0]["BACKEND"]."""

    app_dirname = "templates"

    def from_string(self, template_code: str) -> Template:
        return _PageTemplate(self.env.from_string(template_code), self)

    def get_template(self, template_name: str) -> Template:
        return _PageTemplate(super().get_template(template_name).template, self)


class _PageTemplate(Template):
    def render(self, context: Mapping[str, Any] | None = None, request: Any = None) -> SafeString:
        """The HTML."""
        facts = self.facts(context or {}, request)
        with DecryptError.shown():
            return mark_safe(self.template.render(facts))  # noqa: S308 - the environment escapes everything

    def facts(self, own: Mapping[str, Any], request: Any) -> dict[str, Any]:
        """What the template may use: what the view says goes before what every page says."""
        if request is None:
            return dict(own)
        # Made once for a page: masking a token takes 70 µs, and an order has twenty forms.
        once = SimpleLazyObject(lambda: csrf_input(request))
        frame: dict[str, Any] = {"request": request, "csrf_input": once}
        for processor in self.backend.template_context_processors:
            frame.update(processor(request))
        return {**frame, **own}
