"""Addresses of the provider's side."""

from django.urls import path

from dentatool.operations import csp_reports, health
from dentatool.operations.monitoring import exposition, state_page, status_page

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", exposition.metrics, name="metrics"),
    path("status", status_page.status, name="status"),
    path("betrieb/zustand/", state_page.state, name="state"),
    path("csp-bericht/", csp_reports.csp_report, name="csp_report"),
    path(".well-known/security.txt", health.security_txt, name="security_txt"),
]
