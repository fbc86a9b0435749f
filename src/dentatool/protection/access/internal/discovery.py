"""What an identity provider says about itself (OpenID Connect Discovery 1.0), and handing it a code for a token."""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dentatool.protection.access.internal.id_token import ALGORITHMS, usable_keys
from dentatool.protection.access.internal.identity import IdentityProvider
from dentatool.protection.outgoing import Blocked, Unanswered, checked, fetch

_PLACE = "/.well-known/openid-configuration"
_BY_HEADER, _BY_FORM = "client_secret_basic", "client_secret_post"


class ProviderRefused(Exception):
    """This provider cannot be used. The message is for the person who sets it up."""


@dataclass(frozen=True, slots=True)
class Description:
    """The part of a provider's description that we use; stored with the laboratory's settings."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    sends_secret_in_form: bool
    names_itself: bool


def describe(issuer: str) -> Description:
    """Ask a provider about itself and for its keys, so that what is stored has worked once.

    Raises ProviderRefused; Blocked for an address that we do not go to.
    """
    try:
        facts = fetch(issuer.rstrip("/") + _PLACE).facts()
    except Unanswered as error:
        raise ProviderRefused(f"Der Anmeldedienst antwortet nicht unter {issuer.rstrip('/')}{_PLACE}.") from error
    said = facts.get("issuer")
    if not isinstance(said, str) or said.rstrip("/") != issuer.rstrip("/"):
        raise ProviderRefused("Der Anmeldedienst nennt sich selbst anders. Übernehmen Sie den Issuer, den er angibt.")
    named = facts.get("id_token_signing_alg_values_supported")
    if isinstance(named, list) and not ALGORITHMS.intersection(each for each in named if isinstance(each, str)):
        raise ProviderRefused("Der Anmeldedienst unterschreibt nur mit Verfahren, die nicht sicher genug sind.")
    ways = facts.get("token_endpoint_auth_methods_supported", [_BY_HEADER])
    found = Description(
        issuer=said,
        authorization_endpoint=_address(facts, "authorization_endpoint"),
        token_endpoint=_address(facts, "token_endpoint"),
        jwks_uri=_address(facts, "jwks_uri"),
        sends_secret_in_form=isinstance(ways, list) and _BY_HEADER not in ways and _BY_FORM in ways,
        names_itself=facts.get("authorization_response_iss_parameter_supported") is True,
    )
    try:
        keys = usable_keys(fetch(found.jwks_uri).facts())
    except Unanswered as error:
        raise ProviderRefused("Die Schlüssel des Anmeldedienstes (jwks_uri) sind nicht abrufbar.") from error
    if not keys:
        raise ProviderRefused("Der Anmeldedienst nennt keinen Schlüssel, mit dem er unterschreibt.")
    return found


def exchange(provider: IdentityProvider, *, code: str, verifier: str, redirect_uri: str) -> tuple[str, dict[str, Any]]:
    """The ID token that the provider gives for this code, and its keys of this moment. Raises Blocked, Unanswered."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    headers = {}
    secret = str(provider.client_secret)
    if secret and not provider.sends_secret_in_form:
        # RFC 6749, 2.3.1: each half is form-encoded before the two are joined.
        pair = f"{quote(provider.client_id, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = provider.client_id
        if secret:
            form["client_secret"] = secret
    token = fetch(provider.token_endpoint, form=form, headers=headers).facts().get("id_token")
    if not isinstance(token, str):
        raise Unanswered("no ID token came back")
    return token, fetch(provider.jwks_uri).facts()


def _address(facts: dict[str, Any], name: str) -> str:
    address = facts.get(name)
    if not isinstance(address, str):
        raise ProviderRefused(f"In der Selbstauskunft des Anmeldedienstes fehlt {name}.")
    try:
        checked(address)
    except Blocked as error:
        raise ProviderRefused(f"{name} des Anmeldedienstes: {error}") from error
    return address
