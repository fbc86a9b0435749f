"""Roles of the laboratory's own, and the table of who may do what."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.kit.forms import Form, posted
from dentatool.protection.access import Permission, page
from dentatool.protection.access.people import (
    LaboratoryRole,
    NotPossible,
    RoleShown,
    colleagues,
    pages_by_permission,
    retire_role,
    roles_in_force,
    save_role,
)
from dentatool.team.notices import tell_owners
from dentatool.team.people_pages import require_only
from dentatool.team.permission_words import GROUPS, WORDS


class OwnRoleForm(Form):
    """Name and rights. Which rights may be given is decided in people.py, which notes what was tried."""

    name = forms.CharField(label="Name der Rolle", max_length=60)


@page(Permission.TEAM_VIEW)
@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    """All roles: those of the program, which never change, and the laboratory's own."""
    people = [person for person in colleagues() if person.role and person.state != "left"]
    rows = [
        {"role": role, "people": sum(person.role == role for person in people), "rights": len(role.permissions)}
        for role in roles_in_force().values()
    ]
    return render(request, "team/roles.html", {"rows": rows})


@page(Permission.TEAM_CHANGE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def role_new(request: HttpRequest) -> HttpResponse:
    """Make a role of the laboratory's own."""
    return _edit(request, None)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def role_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change one: it counts from the next request of each of its people."""
    role = LaboratoryRole.objects.filter(pk=pk, active=True).first()
    if role is None:
        raise Http404
    return _edit(request, role)


@page(Permission.TEAM_CHANGE, fresh=True)
@require_POST
def role_retire(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a role out of use that nobody has."""
    try:
        role = retire_role(request.person, pk)  # type: ignore[attr-defined]
    except LaboratoryRole.DoesNotExist:
        raise Http404 from None
    tell_owners(f"Die Rolle „{role.name}“ gibt es nicht mehr.", by=request.person.display_name)  # type: ignore[attr-defined]
    messages.success(request, f"Die Rolle „{role.name}“ gibt es nicht mehr.")
    return redirect("role_list")


@page(Permission.TEAM_VIEW)
@require_safe
def rights(request: HttpRequest) -> HttpResponse:
    """Who may do what, made from what the program enforces: roles × rights, people × roles, pages of each right."""
    known = list(roles_in_force().values())
    served = pages_by_permission()
    groups = [
        (
            group,
            [
                {
                    "words": words,
                    "permission": permission,
                    "held": [permission in role.permissions for role in known],
                    "pages": served.get(permission, []),
                }
                for permission, words in rows
            ],
        )
        for group, rows in GROUPS
    ]
    people = [person for person in colleagues() if person.state in ("active", "invited", "expired")]
    changed = LaboratoryRole.objects.aggregate(latest=Max("changed_at"))["latest"]
    facts = {
        "roles": known,
        "groups": groups,
        "people": people,
        "version": version_of(known, served),
        "changed": changed,
    }
    return render(request, "team/rights.html", facts)


def version_of(roles: Iterable[RoleShown], served: Mapping[Permission, Iterable[str]]) -> str:
    """A checksum over what is enforced: two prints with the same one say the same (TOM 3)."""
    enforced = {
        "roles": {role.key: [role.name, sorted(role.permissions)] for role in roles},
        "pages": {str(permission): sorted(addresses) for permission, addresses in served.items()},
    }
    return hashlib.sha256(json.dumps(enforced, sort_keys=True).encode()).hexdigest()


def _edit(request: HttpRequest, role: LaboratoryRole | None) -> HttpResponse:
    by = request.person  # type: ignore[attr-defined]
    form = OwnRoleForm(posted(request), initial={"name": role.name if role else ""})
    chosen = set(request.POST.getlist("rechte") if form.is_bound else role.permissions if role else [])
    if request.method == "POST":
        require_only(request, form, "rechte")
        if form.is_valid():
            try:
                saved = save_role(by, role.pk if role else None, name=form.cleaned_data["name"], permissions=chosen)
            except NotPossible as reason:
                form.add_error("name", str(reason))
            else:
                tell_owners(_difference(role, saved), by=by.display_name)
                messages.success(request, f"Die Rolle „{saved.name}“ ist gespeichert und gilt ab sofort.")
                return redirect("role_list")
    facts: dict[str, Any] = {
        "form": form,
        "role": role,
        "groups": [
            (
                group,
                [
                    {
                        "value": permission.value,
                        "words": words,
                        "is_chosen": permission in chosen,
                        "is_mine": permission in by.permissions,
                    }
                    for permission, words in rows
                    if permission != Permission.OWN_ACCOUNT
                ],
            )
            for group, rows in GROUPS
        ],
    }
    return render(request, "team/role.html", facts, status=422 if form.is_bound else 200)


def _difference(before: LaboratoryRole | None, after: LaboratoryRole) -> str:
    held, holds = set(before.permissions if before else ()), set(after.permissions)
    lines = [f"Die Rolle „{before.name if before else after.name}“ ist {'geändert' if before else 'neu'}."]
    if before and before.name != after.name:
        lines.append(f"Sie heißt jetzt „{after.name}“.")
    for title, changed in (("Neue Rechte", holds - held), ("Nicht mehr dabei", held - holds)):
        if changed:
            lines.append(f"{title}: {', '.join(sorted(WORDS[each] for each in changed))}")
    return "\n".join(lines)
