"""Addresses of practices."""

from django.urls import path

from dentatool.kit.pages import Column, record_pages
from dentatool.practices import people, views
from dentatool.practices.forms import PracticeForm
from dentatool.practices.models import Practice
from dentatool.protection.access import Permission

urlpatterns = [
    *record_pages(
        Practice,
        form=PracticeForm,
        base="/praxen/",
        columns=[
            Column("customer_number", "Nummer", sort=True),
            Column("name", "Praxis", sort=True),
            Column("postcode", "PLZ", phone=False),
            Column("city", "Ort", sort=True),
            Column("phone", "Telefon", phone=False),
            Column("active", "Aktiv", phone=False),
        ],
        search=("customer_number", "name", "city"),
        permission_view=Permission.PRACTICES_VIEW,
        permission_change=Permission.PRACTICES_CHANGE,
        extra=views.parts_of,
        templates={"record": "practices/practice.html", "form": "practices/practice_form.html"},
    ),
    path("praxen/<uuid:pk>/person/neu/", people.person_new, name="practice_person_new"),
    path("praxen/<uuid:pk>/behandler/neu/", views.dentist_new, name="dentist_new"),
    path("praxen/behandler/<uuid:pk>/", views.dentist_edit, name="dentist_edit"),
    path("praxen/<uuid:pk>/standort/neu/", views.location_new, name="location_new"),
    path("praxen/standort/<uuid:pk>/entfernen/", views.location_remove, name="location_remove"),
]
