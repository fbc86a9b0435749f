"""Addresses of the provider's side."""

from django.urls import path

from dentatool.operations import csp_reports, health

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("csp-bericht/", csp_reports.csp_report, name="csp_report"),
    path(".well-known/security.txt", health.security_txt, name="security_txt"),
]
