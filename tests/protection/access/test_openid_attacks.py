"""A provider that lies, or somebody between it and us: nothing opens a session but its own, fitting, fresh answer."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dentatool.protection.access import openid
from dentatool.protection.access.internal.discovery import ProviderRefused, describe
from dentatool.protection.access.internal.models import Session
from dentatool.protection.access.openid import IdentityProvider
from dentatool.protection.audit.internal.models import Entry
from dentatool.protection.outgoing import Blocked
from harness.identity import lying, reachable
from harness.laboratories import nobody_client

CLIENT = "dentatool"
FROM_A_BOOKMARK = {"sec-fetch-site": "none"}


def use(lab, liar, **changes):
    with lab.at_work():
        found = describe(liar.issuer)
        facts = {name: getattr(found, name) for name in found.__slots__}
        IdentityProvider.objects.create(**{**facts, "client_id": CLIENT, "active": True, **changes})


class Way:
    """One browser on its way to the provider."""

    def __init__(self, lab, browser=None):
        self.lab, self.browser = lab, browser or nobody_client()
        there = self.browser.get(f"/anmelden/dienst/{lab.lab_id}/", headers=FROM_A_BOOKMARK)
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(there["Location"]).query).items()}

    def back(self, browser=None, lab=None, **changes):
        told = {"code": "c0de", "state": self.asked["state"], **changes}
        query = urlencode({name: value for name, value in told.items() if value is not None})
        return (browser or self.browser).get(f"/anmelden/dienst/{(lab or self.lab).lab_id}/zurueck/?{query}")


def good(liar, way, member, **changes):
    told = liar.claims(CLIENT, way.asked["nonce"], email=member.sign_in_name, email_verified=True)
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def seen(lab):
    """Sessions by the provider, and the reasons of refusals in the trail."""
    with lab.at_work():
        sessions = Session.objects.filter(method="oidc").count()
        facts = Entry.objects.filter(what="authn_login_fail").order_by("at").values_list("changes", flat=True)
        return sessions, [each["reason"] for each in facts]


def test_its_own_fitting_answer_opens_a_session(anna, liar):
    use(anna, liar)
    way = Way(anna)
    liar.token = liar.sign(good(liar, way, anna.owner))

    assert way.back().status_code == 302
    assert seen(anna) == (1, [])


def test_the_request_carries_all_that_binds_the_answer_and_the_proof_of_it_goes_to_the_provider(anna, liar):
    use(anna, liar)
    way = Way(anna)
    way.back()

    assert {"state", "nonce", "code_challenge"} < set(way.asked)
    assert (way.asked["response_type"], way.asked["code_challenge_method"]) == ("code", "S256")
    assert way.asked["redirect_uri"] == f"https://localhost/anmelden/dienst/{anna.lab_id}/zurueck/"
    (form,) = liar.asked
    challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(challenge).decode().rstrip("=") == way.asked["code_challenge"]
    assert form["redirect_uri"] == way.asked["redirect_uri"]
    second = Way(anna)
    assert all(way.asked[name] != second.asked[name] for name in ("state", "nonce", "code_challenge"))


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "of another request"}, "nonce"),
        ({"nonce": None}, "claims"),
        ({"aud": "another client"}, "audience"),
        ({"aud": [CLIENT, "another client"]}, "authorized party"),
        ({"iss": "https://accounts.example"}, "issuer"),
        ({"exp": NOW - 120}, "expired"),
        ({"iat": NOW - 7200, "exp": NOW + 7200}, "too old"),
        ({"sub": None}, "claims"),
    ],
)
def test_a_token_for_another_purpose_opens_nothing(anna, liar, changes, reason):
    use(anna, liar)
    way = Way(anna)
    liar.token = liar.sign(good(liar, way, anna.owner, **changes))

    answer = way.back()

    assert (answer.status_code, seen(anna)) == (403, (0, [f"token: {reason}"]))


def test_a_token_without_signature_opens_nothing(anna, liar):
    use(anna, liar)
    way = Way(anna)
    liar.token = jwt.encode(good(liar, way, anna.owner), None, "none")

    assert (way.back().status_code, seen(anna)) == (403, (0, ["token: algorithm"]))


def test_a_token_signed_with_the_public_key_as_a_secret_opens_nothing(anna, liar):
    use(anna, liar)
    way = Way(anna)
    secret = liar.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parts = [{"alg": "HS256", "kid": "1"}, good(liar, way, anna.owner)]
    signing = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    signature = hmac.new(secret, signing.encode(), hashlib.sha256).digest()
    liar.token = f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    assert (way.back().status_code, seen(anna)) == (403, (0, ["token: algorithm"]))


def test_a_token_signed_by_a_stranger_opens_nothing(anna, liar):
    use(anna, liar)
    way = Way(anna)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    liar.token = jwt.encode(good(liar, way, anna.owner), stranger, "RS256", headers={"kid": "1"})

    assert (way.back().status_code, seen(anna)) == (403, (0, ["token: signature"]))


def test_the_answer_of_one_browser_opens_nothing_in_another(anna, liar):
    """Login CSRF: the attacker's own good answer, in the victim's browser; and the victim's, in the attacker's."""
    use(anna, liar)
    attacker, victim = Way(anna), Way(anna)
    liar.token = liar.sign(good(liar, attacker, anna.courier))

    assert attacker.back(browser=victim.browser).status_code == 403
    assert attacker.back(browser=nobody_client()).status_code == 403
    assert seen(anna) == (0, ["state", "no errand of this browser"])
    assert liar.asked == []  # the code was not even shown to the provider


@pytest.mark.parametrize("state", [None, "", "x", "ä" * 50])
def test_without_the_state_of_this_errand_nothing_opens(anna, liar, state):
    use(anna, liar)
    way = Way(anna)
    liar.token = liar.sign(good(liar, way, anna.owner))

    assert (way.back(state=state).status_code, seen(anna)) == (403, (0, ["state"]))


@pytest.mark.parametrize("note", ["", "x", "AAAA", "A" * 500, "ä"])
def test_a_made_up_errand_opens_nothing(anna, liar, note):
    use(anna, liar)
    way = Way(anna)
    way.browser.cookies["__Host-dentatool-errand"] = note

    assert (way.back().status_code, seen(anna)) == (403, (0, ["no errand of this browser"]))


def test_an_errand_is_over_after_ten_minutes(anna, liar, monkeypatch):
    use(anna, liar)
    way = Way(anna)
    liar.token = liar.sign(good(liar, way, anna.owner))
    monkeypatch.setattr(openid, "ERRAND_S", -1)

    assert (way.back().status_code, seen(anna)) == (403, (0, ["no errand of this browser"]))


@pytest.fixture
def berts_liar(tmp_path):
    with lying(tmp_path / "berts.pem") as provider:
        yield provider


def test_the_provider_of_another_laboratory_opens_nothing_here(anna, bert, liar, berts_liar):
    """Mix-up: Bert's provider vouches for Anna's owner, by its own answer and by one carried over."""
    with reachable(liar, berts_liar):
        use(anna, liar)
        use(bert, berts_liar)
        hers, his = Way(anna), Way(bert)
        berts_liar.token = berts_liar.sign(good(berts_liar, hers, anna.owner))
        liar.token = berts_liar.token

        assert hers.back().status_code == 403  # at Anna's, signed by Bert's
        assert his.back(lab=anna).status_code == 403  # Bert's errand at Anna's address
        liar.token = berts_liar.sign({**good(liar, hers, anna.owner)})
        assert Way(anna).back().status_code == 403  # even under Anna's issuer
        his = Way(bert)
        berts_liar.token = berts_liar.sign(good(berts_liar, his, anna.owner))
        assert his.back().status_code == 403  # and at Bert's, Anna's owner is nobody

    assert seen(anna) == (0, ["token: signature", "errand of another laboratory or person", "token: signature"])
    assert seen(bert) == (0, ["nobody here"])


def test_an_answer_that_names_another_provider_opens_nothing(anna, liar):
    use(anna, liar)
    way = Way(anna)
    liar.token = liar.sign(good(liar, way, anna.owner))

    assert way.back(iss="https://accounts.example").status_code == 403
    assert seen(anna) == (0, ["answer of another provider"])


def test_a_provider_that_names_itself_in_answers_must_do_so(anna, liar):
    liar.described["authorization_response_iss_parameter_supported"] = True
    use(anna, liar)
    for named, status in ((None, 403), (liar.issuer, 302)):
        way = Way(anna)
        liar.token = liar.sign(good(liar, way, anna.owner))
        assert way.back(iss=named).status_code == status


def test_an_errand_is_worthless_once_the_provider_was_exchanged(anna, liar):
    use(anna, liar)
    way = Way(anna)
    liar.token = liar.sign(good(liar, way, anna.owner))
    with anna.at_work():
        IdentityProvider.objects.update(client_id="another")

    assert (way.back().status_code, seen(anna)) == (403, (0, ["errand of another provider"]))


@pytest.mark.parametrize("token", [None, "", "x", {"a": 1}, 7])
def test_a_silent_or_broken_provider_is_a_refusal_not_an_error(anna, liar, token):
    use(anna, liar)
    way = Way(anna)
    liar.token = token

    assert way.back().status_code == 403


def test_a_provider_that_moves_into_our_network_later_is_not_followed(anna, liar):
    use(anna, liar, token_endpoint="https://169.254.169.254/latest/meta-data")
    way = Way(anna)

    assert way.back().status_code == 403

    with anna.at_work():
        assert Entry.objects.filter(what="ssrf_blocked").count() == 1
    assert seen(anna) == (0, ["address"])


@pytest.mark.parametrize(
    "target", ["https://boese.example/", "//boese.example/", "javascript:alert(1)", "\\\\boese.example"]
)
def test_after_signing_in_nobody_is_sent_to_another_site(anna, liar, target):
    use(anna, liar)
    browser = nobody_client()
    there = browser.get(f"/anmelden/dienst/{anna.lab_id}/", {"weiter": target}, headers=FROM_A_BOOKMARK)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(there["Location"]).query).items()}
    told = {"email": anna.owner.sign_in_name, "email_verified": True}
    liar.token = liar.sign(liar.claims(CLIENT, asked["nonce"], **told))

    answer = browser.get(f"/anmelden/dienst/{anna.lab_id}/zurueck/", {"code": "c", "state": asked["state"]})

    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize(("ago", "is_fresh"), [(60, True), (700, False), (None, False)])
def test_the_providers_own_time_of_proof_decides_about_dangerous_deeds(anna, liar, ago, is_fresh):
    """A browser that was signed in at the provider this morning has confirmed nothing now."""
    use(anna, liar)
    way = Way(anna)
    proven = None if ago is None else int(time.time()) - ago
    liar.token = liar.sign(good(liar, way, anna.owner, auth_time=proven))
    way.back()

    assert way.browser.get("/auftraege/").status_code == 200
    assert (way.browser.get("/konto/anmeldedienst/").status_code == 200) is is_fresh


def test_a_provider_that_ignores_how_long_ago_the_person_may_have_signed_in_opens_nothing(anna, liar):
    use(anna, liar)
    way = Way(anna)
    liar.token = liar.sign(good(liar, way, anna.owner, auth_time=int(time.time()) - 13 * 3600))

    assert way.asked["max_age"] == str(12 * 3600)
    assert (way.back().status_code, seen(anna)) == (403, (0, ["signed in there too long ago"]))


def test_whoever_makes_us_knock_at_the_provider_is_stopped(anna, liar, monkeypatch):
    use(anna, liar)
    monkeypatch.setattr(openid, "PROVIDER_NETWORK", replace(openid.PROVIDER_NETWORK, most=3))
    browser = nobody_client()

    assert [Way(anna, browser).back().status_code for _ in range(6)] == [403] * 3 + [429] * 3
    assert len(liar.asked) == 3
    assert Way(anna).back().status_code == 403  # from elsewhere it goes on


# What a provider says about itself.


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://accounts.example"},
        {"issuer": None},
        {"authorization_endpoint": "http://localhost/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": ["https://localhost"]},
        {"jwks_uri": "https://name:wort@localhost/keys"},
        {"jwks_uri": None},
        {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    ],
)
def test_a_provider_that_describes_itself_unusably_is_refused(liar, changes):
    liar.described = {name: value for name, value in {**liar.described, **changes}.items() if value is not None}

    with pytest.raises(ProviderRefused):
        describe(liar.issuer)


def test_keys_in_a_network_of_ours_are_not_fetched(liar):
    liar.described["jwks_uri"] = "https://127.0.0.1/keys"

    with pytest.raises((ProviderRefused, Blocked)):
        describe(liar.issuer)
