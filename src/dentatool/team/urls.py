"""Addresses of the laboratory's own matters."""

from django.urls import path

from dentatool.team import (
    entrance,
    factor_views,
    joining,
    password_views,
    people_pages,
    profile_views,
    role_pages,
    second_step,
    security_views,
)
from dentatool.team.reviews import pages as review_pages
from dentatool.team.trail import export_pages
from dentatool.team.trail import pages as trail_pages

urlpatterns = [
    path("anmelden/", entrance.enter, name="sign_in"),
    path("anmelden/passkey/", entrance.enter_by_passkey, name="sign_in_passkey"),
    path("anmelden/zweiter-schritt/", second_step.second_step, name="second_step"),
    path("anmelden/zweiter-schritt/passkey/", second_step.passkey_step, name="second_step_passkey"),
    path("anmelden/zweiter-schritt/wiederherstellung/", second_step.recovery_step, name="second_step_recovery"),
    path("anmelden/passwort-vergessen/", password_views.reset_ask, name="reset_ask"),
    path("anmelden/neues-passwort/<str:token>/", password_views.reset_set, name="reset_set"),
    path("abmelden/", entrance.leave, name="sign_out"),
    path("protokoll/", trail_pages.trail, name="trail"),
    path("protokoll/zweck/", trail_pages.purpose, name="trail_purpose"),
    path("protokoll/ausgabe/", export_pages.export, name="trail_export"),
    path("protokoll/ausgabe/stand/", export_pages.ordered, name="trail_exports"),
    path("protokoll/ausgabe/<uuid:pk>/", export_pages.fetch, name="trail_export_file"),
    path("team/pruefung/", review_pages.reviews, name="review_list"),
    path("team/pruefung/neu/", review_pages.review_open, name="review_open"),
    path("team/pruefung/<uuid:pk>/", review_pages.review, name="review"),
    path("team/pruefung/<uuid:pk>/abschluss/", review_pages.review_close, name="review_close"),
    path("team/pruefung/<uuid:pk>/bericht/", review_pages.review_report, name="review_report"),
    path("team/pruefung/zugang/<uuid:pk>/", review_pages.review_item, name="review_item"),
    path("konto/anmeldung/", factor_views.own_factors, name="factors"),
    path("konto/anmeldung/passkey/neu/", factor_views.passkey_new, name="passkey_new"),
    path("konto/anmeldung/app/neu/", factor_views.app_new, name="app_new"),
    path("konto/anmeldung/codes/", factor_views.recovery_codes, name="recovery_codes"),
    path("konto/anmeldung/<uuid:pk>/", factor_views.factor_rename, name="factor_rename"),
    path("konto/anmeldung/<uuid:pk>/entfernen/", factor_views.factor_remove, name="factor_remove"),
    path("konto/passwort/", password_views.password_change, name="password_change"),
    path("konto/passwort/staerke/", password_views.password_strength, name="password_strength"),
    path("labor/", profile_views.laboratory_profile, name="laboratory"),
    path("labor/sicherheit/", security_views.security, name="security"),
    path("einladung/<str:token>/", joining.join, name="join"),
    path("team/", people_pages.people, name="person_list"),
    path("team/einladen/", people_pages.person_new, name="person_new"),
    path("team/rollen/", role_pages.roles, name="role_list"),
    path("team/rollen/neu/", role_pages.role_new, name="role_new"),
    path("team/rollen/<uuid:pk>/", role_pages.role_edit, name="role_edit"),
    path("team/rollen/<uuid:pk>/ende/", role_pages.role_retire, name="role_retire"),
    path("team/rechte/", role_pages.rights, name="rights"),
    path("team/<uuid:pk>/", people_pages.person, name="person"),
    path("team/<uuid:pk>/rolle/", people_pages.person_role, name="person_role"),
    path("team/<uuid:pk>/ende/", people_pages.person_leave, name="person_leave"),
    path("team/<uuid:pk>/rueckkehr/", people_pages.person_return, name="person_return"),
    path("team/<uuid:pk>/einladung/", people_pages.person_invite_again, name="person_invite_again"),
    path("team/<uuid:pk>/einladung/zuruecknehmen/", people_pages.person_withdraw, name="person_withdraw"),
]
