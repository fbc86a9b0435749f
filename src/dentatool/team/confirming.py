"""Fresh confirmation: before dangerous deeds, prove once more who is sitting there. What was sent comes back."""

import json
from importlib import import_module
from urllib.parse import urlsplit
from uuid import UUID

from django import forms
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from dentatool.kit.addresses import own_address
from dentatool.kit.forms import Form
from dentatool.protection.access import Permission, page
from dentatool.protection.access.drafts import Draft, drafts_of
from dentatool.protection.access.people import roles_in_force
from dentatool.protection.access.sessions import Confirmation
from dentatool.team.passkey_form import PasskeyAnswer
from dentatool.team.permission_words import WORDS
from dentatool.team.second_step import AppCodeForm, said_of

WRONG_PASSWORD = "Dieses Passwort stimmt nicht. Nach fünf Fehlversuchen warten Sie bitte einige Minuten."  # noqa: S105
NO_PASSKEY = "Dieser Passkey gehört nicht zu Ihrem Konto oder wurde nicht bestätigt. Versuchen Sie es noch einmal."

_RIGHTS = "rechte"  # the boxes of the role editor, which are no field of its form


class PasswordForm(Form):
    """The password alone: who it is, is known."""

    password = forms.CharField(
        label="Ihr Passwort",
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


@page(Permission.OWN_ACCOUNT)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask who it is, then go on: back to the page, or to sending what was refused."""
    person = request.person  # type: ignore[attr-defined]
    target = own_address(request, request.GET.get("weiter", "/"))
    draft = _draft_of(person.id, request.GET.get("vorgang", ""))
    asked, wrong = Confirmation(request), ""
    form = AppCodeForm() if "app" in asked.kinds else PasswordForm()
    if request.method == "POST":
        form = type(form)(request.POST) if "note" not in request.POST else form
        wrong = _answer(request, asked, form)
        if not wrong:
            return redirect(request.get_full_path() if draft else target)
    elif person.is_fresh:
        return _go_on(request, draft, target)
    facts = {
        "form": form,
        "kinds": asked.kinds,
        "offer": json.dumps(asked.offer_passkey()) if "passkey" in asked.kinds else "",
        "wrong": wrong if "note" in request.POST else "",
        "target": target,
        "keeps": draft is not None,
    }
    return render(request, "team/confirm.html", facts, status=422 if wrong else 200)


def _answer(request: HttpRequest, asked: Confirmation, form: Form) -> str:
    """What was wrong with the answer; nothing if it proved who is sitting there."""
    if "note" in request.POST:
        answer = PasskeyAnswer(request.POST)
        return "" if answer.is_valid() and asked.by_passkey(**answer.cleaned_data) else NO_PASSKEY
    if not form.is_valid():
        return WRONG_PASSWORD
    if "code" in form.cleaned_data and not (outcome := asked.by_app(form.cleaned_data["code"])).is_accepted:
        form.add_error("code", said_of(outcome))
    if "password" in form.cleaned_data and not asked.by_password(form.cleaned_data["password"]):
        form.add_error("password", WRONG_PASSWORD)
    return "" if form.is_valid() else WRONG_PASSWORD


def _go_on(request: HttpRequest, draft: Draft | None, target: str) -> HttpResponse:
    """Confirmed. A whole form is sent by one click; one with parts that are never kept is shown again on its page."""
    if draft is None:
        return redirect(target)
    if not draft.is_complete or not _asks_for_it(draft.action):
        return redirect(draft.page)
    return render(request, "team/confirmed.html", {"draft": draft, "target": target, "said": _in_words(draft)})


def _in_words(draft: Draft) -> list[tuple[str, str]]:
    """What will be sent, with the labels of the form that it was typed into: one beside the view that takes it."""
    names = {name for name, _value in draft.typed} - {_RIGHTS}
    beside = vars(import_module(resolve(urlsplit(draft.action).path).func.__module__)).values()
    suitable = [each for each in beside if isinstance(each, type) and issubclass(each, BaseForm)]
    fields = next((form.base_fields for form in suitable if names and names <= form.base_fields.keys()), {})
    labels = {_RIGHTS: "Recht"} | {name: str(field.label or name) for name, field in fields.items()}
    words = {str(right): text for right, text in WORDS.items()}
    if "role" in names:
        words |= {role.key: role.name for role in roles_in_force().values()}
    for field in fields.values():
        words |= {str(value): str(text) for value, text in getattr(field, "choices", ()) or ()}
    return [(labels.get(name, name), words.get(value, value)) for name, value in draft.typed if value]


def _asks_for_it(address: str) -> bool:
    """Whether this address was it that asked: no other form is sent from here."""
    try:
        return bool(getattr(resolve(urlsplit(address).path).func, "page_fresh", False))
    except Resolver404:
        return False


def _draft_of(account_id: UUID, draft_id: str) -> Draft | None:
    return next((draft for draft in drafts_of(account_id) if str(draft.pk) == draft_id), None)
