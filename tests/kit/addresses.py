"""Pages made by record_pages for the tests, with addresses of their own."""

from django.urls import path

from dentatool.kit import errors
from dentatool.kit.forms import ModelForm
from dentatool.kit.pages import Column, record_pages
from dentatool.practices.models import Dentist, Practice
from dentatool.protection.access import PUBLIC, Permission, page


class PracticeForm(ModelForm):
    """Enough fields to see every kind."""

    class Meta:
        model = Practice
        fields = ("customer_number", "name", "city", "payment_days", "skonto_permille", "remarks", "active")


class DentistForm(ModelForm):
    """Has a reference to another record."""

    class Meta:
        model = Dentist
        fields = ("practice", "title", "last_name")


@page(PUBLIC)
def sign_in(request):
    raise NotImplementedError


@page(Permission.OVERVIEW_VIEW)
def disturbance(request, name):
    """Raises the error of this name, with words that may or may not be shown."""
    if name == "KeyError":
        raise KeyError("Erika Mustermann")
    raise getattr(errors, name)("Die Charge fehlt. Bitte eintragen.")


MAY = {"permission_view": Permission.PRACTICES_VIEW, "permission_change": Permission.PRACTICES_CHANGE}
urlpatterns = [
    path("anmelden/", sign_in, name="sign_in"),
    path("stoerung/<str:name>/", disturbance),
    *record_pages(
        Practice,
        form=PracticeForm,
        base="/praxen/",
        columns=[Column("name", sort=True), Column("city", sort=True), Column("payment_days", numeric=True)],
        search=("name", "city", "customer_number"),
        **MAY,
    ),
    *record_pages(Dentist, form=DentistForm, base="/behandler/", columns=["last_name", "practice.name"], **MAY),
]
handler400 = "dentatool.kit.errors.bad_request"
handler403 = "dentatool.kit.errors.forbidden"
handler404 = "dentatool.kit.errors.not_found"
handler500 = "dentatool.kit.errors.server_error"
