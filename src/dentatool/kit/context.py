"""What every page's frame needs: who is here, what they may, where they can go."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import Resolver404, resolve

from dentatool.protection.access import Permission


@dataclass(frozen=True, slots=True)
class Place:
    """One item of the navigation."""

    label: str
    address: str
    icon: str
    is_here: bool = False


# Addresses are the contract between the slices (docs/architecture.md); what no slice serves is left out.
PLACES = (
    Place("Übersicht", "/", "overview"),
    Place("Aufträge", "/auftraege/", "orders"),
    Place("Patienten", "/patienten/", "patients"),
    Place("Praxen", "/praxen/", "practices"),
    Place("Rechnungen", "/rechnungen/", "invoices"),
    Place("Preise", "/preise/", "prices"),
    Place("Leistungen", "/leistungen/", "articles"),
    Place("Leistungsketten", "/ketten/", "chains"),
    Place("Team", "/team/", "account"),
    Place("Protokoll", "/protokoll/", "trail"),
    Place("Labor", "/labor/", "laboratory"),
)
# Behind the person's name in the head: what belongs to their own account.
ACCOUNT_PLACES = (
    Place("Anmeldung und Passwort", "/konto/anmeldung/", "key"),
    Place("Sitzungen", "/konto/sitzungen/", "laptop"),
    Place("Aufgehobene Eingaben", "/konto/entwuerfe/", "draft"),
    Place("Zugangsschlüssel", "/konto/zugangsschluessel/", "lock"),
)
NEW_ORDER, SEARCH, SIGN_OUT = "/auftraege/neu/", "/auftraege/", "/abmelden/"
_NAMES = {permission: permission.name.lower() for permission in Permission}


def page_frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Asks the database nothing."""
    person = getattr(request, "person", None)
    if person is not None and person.level != "full":
        person = None  # who still owes the second step sees the bare frame, without a way on
    facts: dict[str, Any] = {
        "account": person,
        # str(): the middleware's nonce is lazy and counts as false until it is read.
        "nonce": str(getattr(request, "csp_nonce", "")),
        "frame": "kit/page.html" if person else "kit/bare.html",
    }
    if person is None:
        return facts
    held = request.permissions  # type: ignore[attr-defined]
    return {
        **facts,
        "laboratory_name": person.laboratory_name,
        "may": {name: permission in held for permission, name in _NAMES.items()},
        "nav": places_for(request.path, held),
        "account_nav": places_for(request.path, held, ACCOUNT_PLACES),
        "new_order": _if_allowed(NEW_ORDER, held),
        "search_page": _if_allowed(SEARCH, held),
        "sign_out": SIGN_OUT,
    }


def places_for(path: str, held: frozenset[Permission], places: tuple[Place, ...] = PLACES) -> list[Place]:
    """The places this person may open, with the one they are at marked."""
    return [
        Place(place.label, place.address, place.icon, _is_here(path, place.address))
        for place in places
        if _if_allowed(place.address, held)
    ]


def _is_here(path: str, address: str) -> bool:
    return path == "/" if address == "/" else path.startswith(address)


def _if_allowed(address: str, held: frozenset[Permission]) -> str:
    permission = _permission_of(address)
    return address if permission is not None and permission in held else ""


@cache
def _permission_of(address: str) -> Any:
    """What the page at this address demands; None when no slice serves it."""
    try:
        return getattr(resolve(address).func, "page_permission", None)
    except Resolver404:
        return None
