"""Addresses of prices, articles and service chains."""

from django.urls import path

from dentatool.catalogue import chain_views, price_views
from dentatool.catalogue.forms import ArticleForm, ChainForm
from dentatool.catalogue.models import Article, ServiceChain
from dentatool.kit.pages import Column, record_pages
from dentatool.protection.access import Permission

_RIGHTS = {"permission_view": Permission.CATALOGUE_VIEW, "permission_change": Permission.CATALOGUE_CHANGE}

urlpatterns = [
    path("preise/", price_views.price_lists, name="price_list_list"),
    path("preise/import/", price_views.price_import, name="price_import"),
    path("preise/<uuid:pk>/", price_views.price_list, name="price_list"),
    path("preise/<uuid:pk>/aktivierung/", price_views.price_list_activate, name="price_list_activate"),
    path("preise/<uuid:pk>/ruecknahme/", price_views.price_list_withdraw, name="price_list_withdraw"),
    path("preise/<uuid:pk>/verwerfen/", price_views.price_list_discard, name="price_list_discard"),
    *record_pages(
        Article,
        form=ArticleForm,
        base="/leistungen/",
        columns=[
            Column("number", "Nummer", sort=True),
            Column("text", "Bezeichnung", sort=True),
            Column("art", "Art", sort=True, phone=False),
            Column("unit", "Einheit", phone=False),
            Column("price_cents", "Preis"),
            Column("active", "Aktiv", phone=False),
        ],
        search=("number", "text"),
        **_RIGHTS,
    ),
    *record_pages(
        ServiceChain,
        form=ChainForm,
        base="/ketten/",
        columns=[
            Column("name", "Bezeichnung", sort=True),
            Column("area", "Bereich", sort=True),
            Column("active", "Aktiv"),
        ],
        search=("name",),
        extra=chain_views.chain_facts,
        templates={"record": "catalogue/chain.html"},
        **_RIGHTS,
    ),
    path("ketten/formel/", chain_views.formula_check, name="formula_check"),
    path("ketten/<uuid:pk>/zeile/neu/", chain_views.chain_line_new, name="chain_line_new"),
    path("ketten/zeile/<uuid:pk>/", chain_views.chain_line_edit, name="chain_line_edit"),
    path("ketten/zeile/<uuid:pk>/entfernen/", chain_views.chain_line_remove, name="chain_line_remove"),
]
