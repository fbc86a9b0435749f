"""Addresses of the laboratory's own matters."""

from django.urls import path

from dentatool.team import entrance, profile_views, trail

urlpatterns = [
    path("anmelden/", entrance.enter, name="sign_in"),
    path("abmelden/", entrance.leave, name="sign_out"),
    path("protokoll/", trail.trail, name="trail"),
    path("labor/", profile_views.laboratory_profile, name="laboratory"),
]
