"""Signing in with the laboratory's own identity provider, against an independent one in a process of its own."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from dentatool.protection.access import Account
from dentatool.protection.access.internal.models import Session
from dentatool.protection.access.openid import IdentityLink, IdentityProvider
from dentatool.protection.audit.internal.models import Entry
from harness.identity import SECRET
from harness.laboratories import nobody_client

SETTINGS = "/labor/sicherheit/anmeldedienst/"
REFUSED = "zu der Person dort gehört hier kein aktives Konto"


def sign_in_page(lab):
    return f"/anmelden/dienst/{lab.lab_id}/"


def return_address(lab):
    return f"https://localhost{sign_in_page(lab)}zurueck/"


def use(lab, provider, **changes):
    """Set the provider as the owner does it, on the page."""
    client_id = provider.client(return_address(lab))
    form = {"issuer": provider.issuer, "client_id": client_id, "client_secret": SECRET, "active": "on", **changes}
    return lab.client("owner").post(SETTINGS, form)


def start(browser, lab, query=""):
    """As from a bookmark."""
    return browser.get(sign_in_page(lab) + query, headers={"sec-fetch-site": "none"})


def come_in(lab, provider, name, *, query="", browser=None):
    """The whole way of one browser; the answer to its return, and the browser."""
    browser = browser or nobody_client()
    there = start(browser, lab, query)
    assert there.status_code == 302, there.content.decode()
    back = provider.sign_in(there["Location"], name)
    assert back.startswith(return_address(lab))
    return browser.get(back.removeprefix("https://localhost")), browser


def sessions_of(lab):
    with lab.at_work():
        return list(Session.objects.filter(method="oidc").values_list("account_id", "level"))


def reasons(lab):
    with lab.at_work():
        found = Entry.objects.filter(what="authn_login_fail").order_by("at").values_list("changes", flat=True)
        return [facts["reason"] for facts in found if facts.get("method") == "oidc"]


def mine(member, **more):
    return {"email": member.sign_in_name, "email_verified": True, **more}


def test_a_person_with_a_verified_address_comes_in_and_is_linked_told_and_offered_it_next_time(
    anna, provider, post_office
):
    assert use(anna, provider).status_code == 302
    name = provider.person(**mine(anna.technician))

    answer, browser = come_in(anna, provider, name, query="?weiter=/auftraege/")

    assert (answer.status_code, answer["Location"]) == (302, "/auftraege/")
    assert browser.get("/auftraege/").status_code == 200
    assert sessions_of(anna) == [(anna.technician.id, "full")]
    with anna.at_work():
        assert IdentityLink.objects.get().account_id == anna.technician.id
    letter = post_office.wait_for(to=anna.technician.sign_in_name, subject="geändert")
    assert "Anmeldedienst des Labors" in letter.text
    later = nobody_client()
    later.cookies["__Host-dentatool-provider"] = browser.cookies["__Host-dentatool-provider"].value
    assert f'href="{sign_in_page(anna)}?weiter=%2F"' in later.get("/anmelden/").content.decode()


def test_the_second_time_the_link_counts_and_the_address_no_longer_matters(anna, provider):
    use(anna, provider)
    name = provider.person(**mine(anna.technician))
    come_in(anna, provider, name)
    provider._people[name]["claims"] = {"email": "neuer.name@anderswo.example", "email_verified": False}
    provider.person()

    answer, _browser = come_in(anna, provider, name)

    assert answer.status_code == 302
    assert sessions_of(anna) == [(anna.technician.id, "full")] * 2


@pytest.mark.parametrize(
    "claims",
    [{}, {"email_verified": False}, {"email": "fremd@labor.example"}, {"email_verified": "true"}, {"email": ""}],
)
def test_whom_the_provider_does_not_vouch_for_by_a_known_address_stays_outside(anna, provider, claims):
    use(anna, provider)
    known = {} if claims == {} else {**mine(anna.technician), **claims}

    answer, browser = come_in(anna, provider, provider.person(**known))

    assert answer.status_code == 403
    assert REFUSED in answer.content.decode()
    assert browser.get("/").status_code == 302
    assert (sessions_of(anna), reasons(anna)) == ([], ["nobody here"])
    with anna.at_work():
        assert not IdentityLink.objects.exists()


def test_a_deactivated_person_stays_outside_before_and_after_being_linked_and_is_told_the_same(anna, provider):
    use(anna, provider)
    name, unknown = provider.person(**mine(anna.technician)), provider.person(email="x@y.example", email_verified=True)

    def deactivated(active):
        with anna.at_work():
            Account.objects.filter(pk=anna.technician.id).update(active=active)

    deactivated(False)
    before, _ = come_in(anna, provider, name)
    deactivated(True)
    come_in(anna, provider, name)
    deactivated(False)
    after, _ = come_in(anna, provider, name)
    stranger, _ = come_in(anna, provider, unknown)

    assert [answer.status_code for answer in (before, after, stranger)] == [403] * 3
    assert without_nonce(before) == without_nonce(after) == without_nonce(stranger)
    assert reasons(anna) == ["deactivated", "deactivated", "nobody here"]


def without_nonce(answer):
    return re.sub(r'nonce="[^"]*"', "", answer.content.decode())


def test_only_addresses_of_the_named_domain_are_linked(anna, provider):
    use(anna, provider, email_domain="labor-anna.example")

    answer, _browser = come_in(anna, provider, provider.person(**mine(anna.technician)))

    assert (answer.status_code, reasons(anna)) == (403, ["domain"])


def test_another_person_of_the_provider_with_the_same_address_is_not_the_same_person(anna, provider):
    use(anna, provider)
    come_in(anna, provider, provider.person(**mine(anna.technician)))

    answer, _browser = come_in(anna, provider, provider.person(**mine(anna.technician)))

    assert (answer.status_code, reasons(anna)) == (403, ["linked otherwise"])
    assert sessions_of(anna) == [(anna.technician.id, "full")]


def test_one_person_of_the_provider_is_one_account(anna, provider):
    use(anna, provider)
    name = provider.person(**mine(anna.technician))
    come_in(anna, provider, name)
    provider._people[name]["claims"] = mine(anna.owner)
    provider.person()

    come_in(anna, provider, name)

    assert sessions_of(anna) == [(anna.technician.id, "full")] * 2


def test_the_same_people_of_the_same_provider_are_strangers_in_another_laboratory(anna, bert, provider):
    use(anna, provider)
    use(bert, provider)
    name = provider.person(**mine(anna.technician))
    come_in(anna, provider, name)

    answer, _browser = come_in(bert, provider, name)

    assert (answer.status_code, sessions_of(bert), reasons(bert)) == (403, [], ["nobody here"])


def test_a_code_is_good_once_in_one_browser(anna, provider):
    use(anna, provider)
    browser, name = nobody_client(), provider.person(**mine(anna.technician))
    there = start(browser, anna)["Location"]
    note = browser.cookies["__Host-dentatool-errand"].value
    back = provider.sign_in(there, name).removeprefix("https://localhost")

    other = nobody_client().get(back)
    assert browser.get(back).status_code == 302
    again = nobody_client()
    again.cookies["__Host-dentatool-errand"] = note
    replayed = again.get(back)

    assert [other.status_code, replayed.status_code] == [403, 403]
    assert reasons(anna) == ["no errand of this browser", "no answer"]
    assert len(sessions_of(anna)) == 1


def test_the_answer_once_more_by_the_back_button_leads_to_the_start_page(anna, provider):
    use(anna, provider)
    browser, name = nobody_client(), provider.person(**mine(anna.technician))
    back = provider.sign_in(start(browser, anna)["Location"], name).removeprefix("https://localhost")
    browser.get(back)

    again = browser.get(back)

    assert (again.status_code, again["Location"]) == (302, "/")
    assert start(browser, anna)["Location"] == "/"


def test_a_wrong_secret_opens_nothing(anna, provider):
    use(anna, provider, client_secret="falsch")

    answer, _browser = come_in(anna, provider, provider.person(**mine(anna.technician)))

    assert (answer.status_code, reasons(anna)) == (403, ["no answer"])


def test_who_cancels_at_the_provider_is_told_so_and_nothing_else_happens(anna, provider):
    use(anna, provider)
    browser = nobody_client()
    state = parse_qs(urlsplit(start(browser, anna)["Location"]).query)["state"][0]

    answer = browser.get(f"{sign_in_page(anna)}zurueck/?error=access_denied&state={state}")

    assert (answer.status_code, reasons(anna)) == (403, ["the provider said no"])


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_a_link_of_another_site_signs_nobody_in_without_being_asked(anna, provider, site):
    use(anna, provider)
    browser = nobody_client()
    address = f"{sign_in_page(anna)}?weiter=/auftraege/"

    asked = browser.get(address, headers={"sec-fetch-site": site} if site else {})

    assert asked.status_code == 200
    assert f'href="{address}"' in asked.content.decode()
    assert "__Host-dentatool-errand" not in browser.cookies
    assert browser.get(address, headers={"sec-fetch-site": "same-origin"}).status_code == 302


# The second factor.


def demand(lab, rule):
    from dentatool.protection.tenancy.internal.models import Laboratory

    with lab.at_work():
        Laboratory.objects.filter(pk=lab.lab_id).update(factor_rule=rule)


@pytest.mark.parametrize(
    ("rule", "claims", "level"),
    [
        ("optional", {}, "full"),
        ("required", {}, "half"),
        ("required", {"amr": ["pwd", "mfa"]}, "full"),
        ("required", {"amr": ["pwd", "otp"]}, "half"),
        ("required", {"acr": "gold"}, "full"),
        ("required", {"acr": "silver"}, "half"),
        ("required", {"acr": ""}, "half"),
        ("passkey", {"amr": ["mfa"], "acr": "gold"}, "half"),
    ],
)
def test_where_the_provider_did_not_ask_for_a_second_factor_we_do(anna, provider, rule, claims, level):
    use(anna, provider, strong_contexts="gold, platin")
    demand(anna, rule)

    answer, browser = come_in(anna, provider, provider.person(**mine(anna.technician, **claims)))

    assert answer.status_code == 302
    assert sessions_of(anna) == [(anna.technician.id, level)]
    assert browser.get("/auftraege/").status_code == (200 if level == "full" else 302)


def test_who_came_in_halfway_can_set_up_a_factor(anna, provider):
    use(anna, provider)
    demand(anna, "required")

    _answer, browser = come_in(anna, provider, provider.person(**mine(anna.technician)))

    assert browser.get("/anmelden/zweiter-schritt/")["Location"] == "/konto/anmeldung/"
    assert browser.get("/konto/anmeldung/app/neu/").status_code == 200


# Linking by the person.


def test_a_signed_in_person_links_the_account_of_another_address_and_ends_that_again(anna, provider, post_office):
    use(anna, provider)
    name = provider.person(email="privat@anderswo.example")
    browser = anna.client("technician")
    page = browser.get("/konto/anmeldedienst/").content.decode()
    address = re.search(r'href="([^"]*authorize[^"]*)"', page)[1].replace("&amp;", "&")

    answer = browser.get(provider.sign_in(address, name).removeprefix("https://localhost"))

    assert (answer.status_code, answer["Location"]) == (302, "/konto/anmeldedienst/")
    assert "verbunden" in browser.get("/konto/anmeldedienst/").content.decode()
    assert come_in(anna, provider, name)[0].status_code == 302
    assert "ist jetzt mit" in post_office.wait_for(to=anna.technician.sign_in_name, subject="geändert").text

    assert browser.post("/konto/anmeldedienst/trennen/").status_code == 302
    assert "nicht mehr" in post_office.wait_for(to=anna.technician.sign_in_name, subject="geändert", count=2).text
    assert come_in(anna, provider, name)[0].status_code == 403


def test_an_errand_of_another_person_links_nothing(anna, provider):
    use(anna, provider)
    hers, his = anna.client("technician"), anna.client("courier")
    page = hers.get("/konto/anmeldedienst/").content.decode()
    address = re.search(r'href="([^"]*authorize[^"]*)"', page)[1].replace("&amp;", "&")
    his.cookies["__Host-dentatool-errand"] = hers.cookies["__Host-dentatool-errand"].value

    answer = his.get(provider.sign_in(address, provider.person()).removeprefix("https://localhost"))

    assert (answer.status_code, reasons(anna)) == (403, ["errand of another laboratory or person"])
    with anna.at_work():
        assert not IdentityLink.objects.exists()


def test_an_errand_of_a_signed_in_person_signs_nobody_in(anna, provider):
    use(anna, provider)
    hers, nobody = anna.client("technician"), nobody_client()
    page = hers.get("/konto/anmeldedienst/").content.decode()
    address = re.search(r'href="([^"]*authorize[^"]*)"', page)[1].replace("&amp;", "&")
    nobody.cookies["__Host-dentatool-errand"] = hers.cookies["__Host-dentatool-errand"].value

    name = provider.person(**mine(anna.technician))
    answer = nobody.get(provider.sign_in(address, name).removeprefix("https://localhost"))

    assert (answer.status_code, sessions_of(anna)) == (403, [])


# Setting it up.


def stored(lab):
    with lab.at_work():
        return IdentityProvider.objects.first()


def test_the_owner_sets_the_provider_and_every_owner_is_told(anna, provider, post_office):
    with anna.at_work():
        Account.objects.filter(pk=anna.member("office").id).update(role="owner")

    assert use(anna, provider, email_domain="labor.example").status_code == 302

    found = stored(anna)
    assert (found.issuer, found.email_domain, found.active) == (provider.issuer, "labor.example", True)
    assert found.token_endpoint == f"{provider.issuer}/token/"
    for owner in (anna.owner, anna.member("office")):
        letter = post_office.wait_for(to=owner.sign_in_name)
        assert letter.subject == "Anmeldedienst Ihres Labors geändert"
        assert provider.issuer in letter.text


def test_the_page_shows_what_to_enter_there_and_never_the_secret(anna, provider, superuser):
    use(anna, provider)

    page = anna.client("owner").get(SETTINGS).content.decode()

    assert return_address(anna) in page
    assert f"https://localhost{sign_in_page(anna)}" in page
    assert SECRET not in page
    rows = superuser.execute("select p::text from protection_identityprovider p").fetchall()
    trail = superuser.execute(
        "select changes::text from protection_entry where what = 'protection_identityprovider' and record_id = %s",
        [stored(anna).pk],
    ).fetchall()
    assert "Geheimnis" not in str(rows)
    assert trail and all('client_secret": ["geheim", "geheim"]' in changes for (changes,) in trail)


def test_an_empty_secret_keeps_the_stored_one(anna, provider):
    use(anna, provider)
    form = {"issuer": provider.issuer, "client_id": stored(anna).client_id, "client_secret": "", "active": "on"}

    assert anna.client("owner").post(SETTINGS, form).status_code == 302

    assert come_in(anna, provider, provider.person(**mine(anna.technician)))[0].status_code == 302


@pytest.mark.parametrize("role", ["office", "technician", "courier", "reader"])
def test_nobody_but_the_owner_sets_it(anna, provider, role):
    form = {"issuer": provider.issuer, "client_id": "x", "client_secret": "", "active": "on"}

    assert anna.client(role).post(SETTINGS, form).status_code == 403
    assert anna.client(role).get(SETTINGS).status_code == 403
    assert stored(anna) is None


def test_a_role_of_the_laboratorys_own_with_the_right_for_security_does_not_set_it_either(anna, provider):
    """It would be a way to become the owner: by a provider of one's own that says so."""
    from dentatool.protection.access.internal.models import LaboratoryRole

    with anna.at_work():
        LaboratoryRole.objects.create(key="sicherheit", name="Sicherheit", permissions=["security:change"])
        Account.objects.filter(pk=anna.courier.id).update(role="sicherheit")
    form = {"issuer": provider.issuer, "client_id": "x", "client_secret": "", "active": "on"}

    answer = anna.client("courier").post(SETTINGS, form)

    assert (answer.status_code, stored(anna)) == (403, None)


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        ("http://login.labor.example", "https://"),
        ("https://127.0.0.1", "internes Netz"),
        ("https://[::1]/", "internes Netz"),
        ("https://169.254.169.254/latest", "internes Netz"),
        ("https://localhost", "internes Netz"),
        ("https://login.labor.example:8443", "443"),
        ("https://gibt-es-nicht.invalid", "antwortet nicht"),
        ("kein Dienst", "unerlaubte Zeichen"),
    ],
)
def test_an_address_that_leads_elsewhere_is_refused_with_a_reason_and_what_was_typed_stays(anna, issuer, words):
    form = {"issuer": issuer, "client_id": "dentatool-4711", "client_secret": "", "active": "on"}

    answer = anna.client("owner").post(SETTINGS, form)

    page = answer.content.decode()
    assert (answer.status_code, stored(anna)) == (422, None)
    assert words in page
    assert "dentatool-4711" in page
    if words in ("internes Netz", "443", "https://", "unerlaubte Zeichen"):
        with anna.at_work():
            assert Entry.objects.filter(what="ssrf_blocked").count() == 1


def test_switched_off_it_is_absent_and_who_came_in_by_it_is_out(anna, bert, provider):
    use(anna, provider)
    _answer, browser = come_in(anna, provider, provider.person(**mine(anna.technician)))
    form = {"issuer": provider.issuer, "client_id": stored(anna).client_id, "client_secret": ""}

    assert anna.client("owner").post(SETTINGS, form).status_code == 302

    assert browser.get("/").status_code == 302
    off = start(nobody_client(), anna)
    never = start(nobody_client(), bert)
    absent = nobody_client().get("/anmelden/dienst/0190b6a0-0000-7000-8000-000000000000/")
    assert [answer.status_code for answer in (off, never, absent)] == [404] * 3
    assert without_nonce(off) == without_nonce(never) == without_nonce(absent)
    back = nobody_client().get(f"{sign_in_page(anna)}zurueck/?code=x&state=y")
    assert back.status_code == 404


def test_another_provider_does_not_inherit_the_people_of_the_last_one(anna, provider, liar):
    from harness.identity import reachable

    with reachable(provider, liar):
        use(anna, provider)
        come_in(anna, provider, provider.person(**mine(anna.technician)))
        form = {"issuer": liar.issuer, "client_id": "x", "client_secret": "", "active": "on"}
        assert anna.client("owner").post(SETTINGS, form).status_code == 302

    with anna.at_work():
        assert not IdentityLink.objects.exists()
