"""Price lists, own services and materials, service chains."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from dentatool.api.body import Body
from dentatool.api.kinds import choice, flag, text
from dentatool.api.operation import Call, Facts, ListOf, operation
from dentatool.api.refusals import Unfitting
from dentatool.api.shape import NUMBER, TEXT, Made, Shape, list_of, object_of, or_null
from dentatool.catalogue import importing
from dentatool.catalogue.forms import ArticleForm, shown_text
from dentatool.catalogue.models import Article, Price, PriceList, ServiceChain
from dentatool.catalogue.price_forms import DraftForm, ImportForm
from dentatool.kit.lists import clean_search, found_by
from dentatool.protection.access import Permission
from dentatool.team.models import LaboratoryType, Region
from dentatool.team.queries import profile

LOOK, CHANGE = Permission.CATALOGUE_VIEW, Permission.CATALOGUE_CHANGE
PRICE_LIST = Shape(
    "PriceList", PriceList, ("name", "region", "lab_type", "kind", "valid_from", "state", "source_name", "report"),
    place="price-lists",
)  # fmt: skip
PRICE = Shape("Price", Price, ("number", "area", "cents"))
ARTICLE = Shape("Article", Article, tuple(ArticleForm.Meta.fields), place="articles")
_LINE = object_of(art=TEXT, number=TEXT, text=TEXT, formula=TEXT)
CHAIN = Shape(
    "Chain", ServiceChain, ("name", "area", "active"),
    made={
        "lines": Made(
            list_of(_LINE),
            lambda chain: [
                {"art": line.art, "number": line.number, "text": shown_text(line), "formula": line.formula}
                for line in chain.lines.all()
            ],
        )
    },
)  # fmt: skip
_IMPORT = Body(
    "PriceFile", ImportForm, without=frozenset({"file"}), needs=("file_name", "content"),
    names={"file_name": "held_name", "content": "held_content"}, told_at={"file": "content"},
)  # fmt: skip
_CHANGE = object_of(number=TEXT, text=TEXT, area=TEXT, old_cents=or_null(NUMBER), new_cents=or_null(NUMBER))
_PREVIEW = object_of(
    region=TEXT, lab_type=TEXT, valid_from={"type": "string", "format": "date"}, numbers=NUMBER,
    report=list_of(TEXT), compared_with=or_null({"type": "string", "format": "uuid"}), changes=list_of(_CHANGE),
)  # fmt: skip


@operation(
    "GET", "price-lists", LOOK, "Preislisten auflisten", gives=ListOf(PRICE_LIST),
    query={
        "region": choice(Region.values),
        "lab_type": choice(LaboratoryType.values),
        "state": choice(PriceList.State.values),
    },
)  # fmt: skip
def price_lists(call: Call) -> QuerySet[PriceList]:
    return PriceList.objects.filter(**call.query_for("region", "lab_type", "state"))


@operation(
    "POST", "price-lists/preview", CHANGE, "Preisdatei ansehen, ohne zu speichern", takes=_IMPORT,
    gives=Facts("PriceListPreview", _PREVIEW),
)  # fmt: skip
def price_list_preview(call: Call) -> dict[str, Any]:
    """`content` ist die Datei in Base64. Was Dateiname oder Datei selbst sagen, muss nicht angegeben werden."""
    form = _read(call)
    found, chosen = form.found, form.cleaned_data
    prices = importing.prices_in(found, chosen["lab_type"])
    before = importing.list_before(region=chosen["region"], lab_type=chosen["lab_type"], day=chosen["valid_from"])
    changes = importing.changes_between(importing.prices_on(before), prices) if before else []
    return {
        "region": chosen["region"],
        "lab_type": chosen["lab_type"],
        "valid_from": chosen["valid_from"].isoformat(),
        "numbers": len({number for number, _area in prices}),
        "report": importing.report_on(found, chosen["lab_type"]),
        "compared_with": str(before.pk) if before else None,
        "changes": [{name: getattr(change, name) for name in _CHANGE["properties"]} for change in changes],
    }


@operation(
    "POST", "price-lists", CHANGE, "Preisdatei als Entwurf einlesen", takes=_IMPORT, gives=PRICE_LIST, status=201
)
def price_list_create(call: Call) -> PriceList:
    """Abgerechnet wird nach dem Entwurf erst, wenn er in Kraft gesetzt ist."""
    form = _read(call)
    chosen = {name: form.cleaned_data[name] for name in ("region", "lab_type", "valid_from")}
    return _price_list(importing.draft_from_file(form.found, **chosen).pk)


@operation("GET", "price-lists/{pk}", LOOK, "Preisliste lesen", gives=PRICE_LIST)
def price_list(call: Call, pk: UUID) -> PriceList:
    return _price_list(pk)


@operation(
    "GET", "price-lists/{pk}/prices", LOOK, "Preise einer Liste", gives=ListOf(PRICE), query={"number": text(most=4)}
)
def price_list_prices(call: Call, pk: UUID) -> QuerySet[Price]:
    return Price.objects.filter(price_list=_price_list(pk), **call.query_for("number"))


@operation(
    "PATCH", "price-lists/{pk}", CHANGE, "Entwurf einer Preisliste berichtigen",
    takes=Body("PriceListChange", DraftForm, is_change=True), gives=PRICE_LIST,
)  # fmt: skip
def price_list_change(call: Call, pk: UUID) -> PriceList:
    held = call.locked(PriceList.objects.all(), pk)
    if held.state != PriceList.State.DRAFT:
        raise Unfitting({"": ["Nur ein Entwurf lässt sich noch berichtigen."]})
    return _price_list(call.save(lambda data: DraftForm(data, instance=held)).pk)


@operation("DELETE", "price-lists/{pk}", CHANGE, "Entwurf einer Preisliste verwerfen")
def price_list_discard(call: Call, pk: UUID) -> None:
    importing.discard(call.locked(PriceList.objects.all(), pk))


@operation("POST", "price-lists/{pk}/activation", CHANGE, "Preisliste in Kraft setzen", gives=PRICE_LIST)
def price_list_activate(call: Call, pk: UUID) -> PriceList:
    """Eine Liste für denselben ersten Tag wird dadurch zurückgezogen."""
    return _price_list(importing.activate(call.locked(PriceList.objects.all(), pk)).pk)


@operation("POST", "price-lists/{pk}/withdrawal", CHANGE, "Preisliste zurückziehen", gives=PRICE_LIST)
def price_list_withdraw(call: Call, pk: UUID) -> PriceList:
    return _price_list(importing.withdraw(call.locked(PriceList.objects.all(), pk)).pk)


@operation(
    "GET", "articles", LOOK, "Eigene Leistungen und Material auflisten", gives=ListOf(ARTICLE),
    query={"search": text(most=200), "active": flag()},
)  # fmt: skip
def articles(call: Call) -> QuerySet[Article]:
    found = Article.objects.filter(**call.query_for("active"))
    searched = clean_search(call.query.get("search", ""))
    return found_by(found, ("number", "text"), searched) if searched else found


@operation(
    "POST", "articles", CHANGE, "Leistung anlegen", takes=Body("ArticleNew", ArticleForm), gives=ARTICLE, status=201
)
def article_create(call: Call) -> Article:
    return _article(call.save(lambda data: ArticleForm(data)).pk)


@operation("GET", "articles/{pk}", LOOK, "Leistung lesen", gives=ARTICLE)
def article(call: Call, pk: UUID) -> Article:
    return _article(pk)


@operation(
    "PATCH", "articles/{pk}", CHANGE, "Leistung ändern",
    takes=Body("ArticleChange", ArticleForm, is_change=True), gives=ARTICLE,
)  # fmt: skip
def article_change(call: Call, pk: UUID) -> Article:
    return _article(call.change(Article.objects.all(), pk, ArticleForm).pk)


@operation("GET", "chains", LOOK, "Leistungsketten auflisten", gives=ListOf(CHAIN), query={"active": flag()})
def chains(call: Call) -> QuerySet[ServiceChain]:
    return ServiceChain.objects.filter(**call.query_for("active")).prefetch_related("lines__article")


def _read(call: Call) -> ImportForm:
    own = profile()
    form: ImportForm = call.form(lambda data: ImportForm(data, initial={"lab_type": own.lab_type}))
    return form


def _price_list(pk: UUID) -> PriceList:
    return get_object_or_404(PriceList, pk=pk)


def _article(pk: UUID) -> Article:
    return get_object_or_404(Article, pk=pk)
