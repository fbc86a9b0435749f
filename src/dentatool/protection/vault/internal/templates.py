"""Django's templates, rendered so that an unreadable value is shown as such instead of ending the page."""

from __future__ import annotations

from typing import Any

from django.template.backends.django import DjangoTemplates, Template

from dentatool.protection.vault.internal.ciphertext import DecryptError


class _PageTemplate(Template):
    def render(self, context: Any = None, request: Any = None) -> Any:
        with DecryptError.shown():
            return super().render(context, request)


class PageTemplates(DjangoTemplates):
    """The template engine of the pages. In settings: TEMPLATES[0]["BACKEND"]."""

    def from_string(self, template_code: str) -> Template:
        return _PageTemplate(self.engine.from_string(template_code), self)

    def get_template(self, template_name: str) -> Template:
        return _PageTemplate(super().get_template(template_name).template, self)
