"""Addresses of the API: one view for each path of its operations."""

import re

from django.urls import path

from dentatool.api import invoices, orders, pages, patients, positions, practices, prices, token_pages
from dentatool.api.operation import OPERATIONS, ROOT, Endpoint

PARTS = (practices, patients, prices, orders, positions, invoices)  # importing them declares their operations
_ROOT = ROOT.lstrip("/")


def _address(path_of_operation: str) -> str:
    return _ROOT + path_of_operation.replace("{", "<uuid:").replace("}", ">")


def _name(path_of_operation: str) -> str:
    return "api_" + re.sub(r"\W+", "_", path_of_operation).strip("_")


urlpatterns = [
    path("konto/zugangsschluessel/", token_pages.tokens, name="tokens"),
    path("konto/zugangsschluessel/neu/", token_pages.token_new, name="token_new"),
    path("konto/zugangsschluessel/<uuid:pk>/ende/", token_pages.token_end, name="token_end"),
    path(f"{_ROOT}openapi.json", pages.openapi, name="api_description"),
    path(f"{_ROOT}docs", pages.docs, name="api_docs"),
    *(path(_address(one), Endpoint(one), name=_name(one)) for one in dict.fromkeys(each.path for each in OPERATIONS)),
]
