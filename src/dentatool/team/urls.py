"""Addresses of the laboratory's own matters."""

from django.urls import path

from dentatool.team import entrance, profile_views
from dentatool.team.trail import export_pages
from dentatool.team.trail import pages as trail_pages

urlpatterns = [
    path("anmelden/", entrance.enter, name="sign_in"),
    path("abmelden/", entrance.leave, name="sign_out"),
    path("protokoll/", trail_pages.trail, name="trail"),
    path("protokoll/zweck/", trail_pages.purpose, name="trail_purpose"),
    path("protokoll/ausgabe/", export_pages.export, name="trail_export"),
    path("protokoll/ausgabe/stand/", export_pages.ordered, name="trail_exports"),
    path("protokoll/ausgabe/<uuid:pk>/", export_pages.fetch, name="trail_export_file"),
    path("labor/", profile_views.laboratory_profile, name="laboratory"),
]
