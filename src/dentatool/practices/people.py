"""The people of a practice who may look at its orders and invoices."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from dentatool.kit.forms import posted
from dentatool.practices.models import Practice
from dentatool.protection.access import Permission, page
from dentatool.team.people_pages import PersonForm, invited, require_only


@page(Permission.TEAM_CHANGE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def person_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Invite somebody of this practice; the role is that of a practice's people, always."""
    practice = get_object_or_404(Practice, pk=pk)
    form = PersonForm(posted(request))
    if request.method == "POST":
        require_only(request, form)
        if form.is_valid() and invited(request, form, practice.pk):
            return redirect("practice", pk)
    facts = {"form": form, "practice": practice, "back": f"/praxen/{pk}/", "back_label": practice.name}
    return render(request, "team/invite.html", facts, status=422 if form.is_bound else 200)
