"""The people of the laboratory: who they are, what they may, who comes and who leaves."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.kit.addresses import url
from dentatool.kit.forms import Form, posted
from dentatool.kit.mail import send
from dentatool.protection.access import Account, Permission, Role, page
from dentatool.protection.access.people import (
    Colleague,
    NotEntitled,
    NotPossible,
    close_account,
    colleagues,
    give_role,
    invite,
    invite_again,
    may_decide,
    reopen_account,
    reset_factors,
    roles_in_force,
    withdraw,
)
from dentatool.team.notices import tell_owners
from dentatool.team.queries import profile

STATES = {
    "active": ("aktiv", "good"),
    "invited": ("eingeladen", "accent"),
    "expired": ("Einladung abgelaufen", "warn"),
    "withdrawn": ("Einladung zurückgenommen", "quiet"),
    "left": ("ausgeschieden", "quiet"),
}
TAMPERED = "Das Formular wurde verändert gesendet. Es wurde nichts gespeichert."


class OfferedField(forms.ChoiceField):
    """A choice whose list is for show: whether it may be made is decided in people.py, which notes the attempt."""

    def valid_value(self, value: Any) -> bool:
        return True


class PersonForm(Form):
    """Who is invited. The person confirms the name on the first visit."""

    name = forms.CharField(label="Name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    address = forms.EmailField(
        label="Eigene E-Mail-Adresse",
        max_length=200,
        help_text="Eine Adresse, die nur diese Person liest. Mit ihr meldet sie sich an.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class RoleForm(Form):
    """Another role for somebody."""

    role = OfferedField(label="Rolle")

    def __init__(self, *args: Any, offered: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = offered  # type: ignore[attr-defined]


class InviteForm(RoleForm, PersonForm):
    """The same with a role, for people of the laboratory. None is chosen beforehand: the first would be the owner's."""

    def __init__(self, *args: Any, offered: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, offered=[("", "Bitte wählen"), *offered], **kwargs)


@page(Permission.TEAM_VIEW)
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with name, role, last sign-in and how they stand."""
    rows = [_row(person) for person in colleagues()]
    return render(request, "team/people.html", {"rows": rows, "me": request.person.id})  # type: ignore[attr-defined]


@page(Permission.TEAM_VIEW)
@require_safe
def person(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One person, and what may be decided about them."""
    return _show(request, pk)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def person_new(request: HttpRequest) -> HttpResponse:
    """Invite somebody by e-mail."""
    form = InviteForm(posted(request), offered=offered_roles(request))
    if request.method == "POST":
        require_only(request, form)
        if form.is_valid() and invited(request, form):
            return redirect("person_list")
    return render(request, "team/invite.html", {"form": form}, status=422 if form.is_bound else 200)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_POST
def person_role(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give somebody another role."""
    form = RoleForm(request.POST, offered=offered_roles(request))
    require_only(request, form)
    if not form.is_valid():
        return _show(request, pk, form)
    before, known = _standing(pk), roles_in_force()
    account = _or_404(give_role, request, pk, form.cleaned_data["role"])
    role, was = known[account.role].name, known[before.role].name if before.role in known else "keine"
    if account.role != before.role:
        _tell(request, f"{account.display_name} hat jetzt die Rolle „{role}“ (bisher: {was}).", about=account)
    messages.success(request, f"{account.display_name} hat jetzt die Rolle „{role}“ und meldet sich damit neu an.")
    return redirect("person", pk)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_POST
def person_leave(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Somebody leaves: every access of theirs ends at once."""
    before = _standing(pk)
    account = _or_404(close_account, request, pk)
    if before.active:
        _tell(request, f"Alle Zugänge von {account.display_name} sind beendet.", about=account)
    messages.success(request, f"Alle Zugänge von {account.display_name} sind beendet.")
    return redirect("person", pk)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_POST
def person_return(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Somebody comes back with the role they had."""
    before = _standing(pk)
    account = _or_404(reopen_account, request, pk)
    if not before.active:
        role = roles_in_force()[account.role].name
        _tell(request, f"{account.display_name} kann sich wieder anmelden, mit der Rolle „{role}“.", about=account)
    messages.success(request, f"{account.display_name} kann sich wieder anmelden.")
    return redirect("person", pk)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_POST
def person_factors(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Somebody lost phone and codes: their second factor is set back. They and all owners are told."""
    account = _or_404(reset_factors, request, pk)
    _tell(
        request,
        f"Die Anmeldeverfahren von {account.display_name} (Passkeys, App, Wiederherstellungscodes) sind zurückgesetzt, "
        "alle Sitzungen beendet. Das Passwort gilt weiter.",
        about=account,
    )
    messages.success(
        request,
        f"Die Anmeldeverfahren von {account.display_name} sind zurückgesetzt. Das Passwort bleibt; "
        "die Person und alle Inhaberinnen und Inhaber haben eine Nachricht.",
    )
    return redirect("person", pk)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_POST
def person_invite_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send a new link; the one before is dead."""
    account, token = _or_404(invite_again, request, pk)
    send_invitation(request, account, token)
    messages.success(request, f"Die Einladung an {account.sign_in_name} ist noch einmal unterwegs.")
    return redirect("person", pk)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_POST
def person_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take an invitation back."""
    account = _or_404(withdraw, request, pk)
    _tell(request, f"Die Einladung von {account.display_name} ({account.sign_in_name}) gilt nicht mehr.")
    messages.success(request, f"Die Einladung an {account.sign_in_name} gilt nicht mehr.")
    return redirect("person", pk)


def offered_roles(request: HttpRequest) -> list[tuple[str, str]]:
    """The roles that this person may give to people of the laboratory."""
    by = request.person  # type: ignore[attr-defined]
    return [
        (role.key, role.name)
        for role in roles_in_force().values()
        if role.key != Role.PRACTICE and may_decide(by, role)
    ]


def invited(request: HttpRequest, form: PersonForm, practice_id: UUID | None = None) -> bool:
    """Invite whom the valid form names, and say so; False with an error of the form."""
    wanted = form.cleaned_data
    role = Role.PRACTICE.value if practice_id else wanted["role"]
    try:
        account, token = invite(
            request.person,  # type: ignore[attr-defined]
            address=wanted["address"],
            name=wanted["name"],
            role=role,
            practice_id=practice_id,
        )
    except NotPossible as reason:
        form.add_error("address", str(reason))
        return False
    send_invitation(request, account, token)
    messages.success(request, f"Die Einladung an {account.sign_in_name} ist unterwegs. Der Link gilt 72 Stunden.")
    return True


def send_invitation(request: HttpRequest, account: Account, token: str) -> None:
    """The one message with the link; the program itself keeps only its hash. The owners learn who comes, not the link."""
    role = roles_in_force()[account.role].name
    _tell(request, f"{account.display_name} ({account.sign_in_name}) ist mit der Rolle „{role}“ eingeladen.")
    link = f"{settings.DENTATOOL_URL}{url('join', token)}"
    send("team/invite", to=account, link=link, laboratory=profile().name, person=str(account.display_name))


def require_only(request: HttpRequest, form: forms.BaseForm, *more: str) -> None:
    """Refuse, and note, what the form does not have: whoever adds fields or doubles them tries something."""
    if not is_untouched(request, form.fields, more):
        raise NotEntitled(TAMPERED)


def is_untouched(request: HttpRequest, fields: Iterable[str], several: Iterable[str] = ()) -> bool:
    """Whether only what the form has was sent, and each but `several` once."""
    once = {*fields, "csrfmiddlewaretoken"}
    return all(name in several or (name in once and len(values) == 1) for name, values in request.POST.lists())


def _standing(pk: UUID) -> Account:
    """Role and state before they are changed."""
    return get_object_or_404(Account, pk=pk)


def _tell(request: HttpRequest, deed: str, about: Account | None = None) -> None:
    tell_owners(deed, by=request.person.display_name, about=about)  # type: ignore[attr-defined]


def _show(request: HttpRequest, pk: UUID, form: RoleForm | None = None) -> HttpResponse:
    found = next(iter(colleagues(only=pk)), None)
    if found is None:
        raise Http404
    by = request.person  # type: ignore[attr-defined]
    is_practice = found.practice_id is not None
    is_decidable = by.id != found.id and may_decide(by, found.role)
    initial = {"role": found.role.key if found.role else ""}
    facts = {
        **_row(found),
        "is_me": by.id == found.id,
        "is_decidable": is_decidable,
        "is_practice": is_practice,
        "form": form or RoleForm(initial=initial, offered=offered_roles(request)),
    }
    return render(request, "team/person.html", facts, status=422 if form else 200)


def _row(person: Colleague) -> dict[str, Any]:
    state, tone = STATES[person.state]
    return {"person": person, "state": state, "tone": tone, "role": person.role.name if person.role else "ohne Rolle"}


def _or_404(deed: Any, request: HttpRequest, pk: UUID, *facts: Any) -> Any:
    """Do it; a foreign account is as absent as none."""
    try:
        return deed(request.person, pk, *facts)  # type: ignore[attr-defined]
    except Account.DoesNotExist:
        raise Http404 from None
