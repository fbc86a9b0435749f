"""ATK-34 by API: a program with a token tries to get more than its token, or than its person. All refused, all noted.

Dora has a role of the laboratory's own: orders and practices, and programs. Her token was made for everything.
"""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from dentatool.api.operation import OPERATIONS
from dentatool.practices.models import Practice
from dentatool.protection.access import Account, Permission
from dentatool.protection.access.people import LaboratoryRole
from dentatool.protection.access.tokens import OFFERED, ApiToken, make_token
from dentatool.protection.audit import Entry
from dentatool.protection.tenancy import laboratory
from harness.laboratories import Program, nobody_client
from pages.test_matrix import fingerprint, records_of

HELD = {
    *(Permission.ORDERS_VIEW, Permission.ORDERS_CHANGE, Permission.PRACTICES_VIEW, Permission.PRACTICES_CHANGE),
    Permission.API_USE,
}
NEW = {"customer_number": "1001", "name": "Praxis Dr. Weber"}
HIDDEN = (
    "lab_id",
    "id",
    "created_by",
    "created_at",
    "changed_at",
    "version",
    "role",
    "permissions",
    "scopes",
    "account",
)


@pytest.fixture
def stage(anna):
    """Dora's program, the owner's, and records of each kind."""
    records = records_of(anna)
    with laboratory(anna.lab_id):
        role = LaboratoryRole.objects.create(key="eigene-dora", name="Dora", permissions=sorted(HELD)).pk
        Account.objects.filter(pk=anna.member("office").id).update(role="eigene-dora")
    programs = {"dora": anna.program("office"), "owner": anna.program("owner")}
    return SimpleNamespace(lab=anna, programs=programs, ids={**records, "role": role})


# Who, method, address, JSON, headers → status and event.
Way = tuple[str, str, str, Any, dict[str, str], int, str]


def beyond(method: str, address: str, sent: Any = None, **headers: str) -> Way:
    return "dora", method, address, sent, headers, 403, "authz_fail"


def hidden(method: str, address: str, sent: Any, who: str = "dora") -> Way:
    return who, method, address, sent, {}, 422, "input_validation_fail"


def asked(method: str, address: str, status: int = 400, **headers: str) -> Way:
    return "dora", method, address, None, headers, status, "input_validation_fail"


WAYS: dict[str, Way] = {
    # What the token was made for and its person does not hold
    "the list of invoices": beyond("GET", "invoices"),
    "an invoice as PDF": beyond("GET", "invoices/{draft}/pdf"),
    "an invoice issued": beyond("POST", "invoices/{draft}/issue", {}),
    "an invoice cancelled": beyond("POST", "invoices/{draft}/cancellation", {"reason": "x"}),
    "a draft thrown away": beyond("DELETE", "invoices/{draft}", If_Match="*"),
    "a patient read": beyond("GET", "patients/{patient}"),
    "patients searched": beyond("POST", "patients/search", {"search": "Mustermann"}),
    "a wrong number let pass": beyond("POST", "orders/{order}/number-override", {"reason": "x"}),
    "an order moved": beyond("POST", "orders/{order}/steps", {"to": "geliefert"}),
    "a price": beyond("POST", "articles", {"text": "x"}),
    # Rights that the request claims for itself
    "rights in a header": beyond("GET", "invoices", X_Scopes="billing:view", X_Permissions="billing:view", X_Role="owner"),
    "another user in a header": beyond("GET", "invoices", X_Forwarded_User="owner", Remote_User="owner", X_User_Id="1"),
    "rights in the address": asked("GET", "practices?scope=billing:view"),
    "rights in the address, twice": asked("GET", "practices?limit=1&limit=100"),
    "a role in the address": asked("GET", "orders?role=owner"),
    "another method in the address": asked("GET", "practices/{practice}?_method=DELETE"),
    "another method in a header": asked("POST", "practices/{practice}", 405, X_HTTP_Method_Override="PATCH"),
    "the same by its other names": asked(
        "POST", "orders/{order}", 405, X_Method_Override="DELETE", X_HTTP_Method="DELETE", X_Original_Method="DELETE"
    ),
    "a method that is none": asked("MERGE", "practices/{practice}", 405),
    # Fields that no form offers
    **{f"a new practice with {name}": hidden("POST", "practices", {**NEW, name: str(uuid4())}) for name in HIDDEN},
    **{f"a practice's {name}": hidden("PATCH", "practices/{practice}", {name: "x"}) for name in HIDDEN},
    **{
        f"an order's {name}": hidden("PATCH", "orders/{order}", {name: value})
        for name, value in {
            "lab_id": "x", "id": "x", "number": "1", "state": "abgeschlossen", "number_state": "frei", "came_from": "fertig",
            "created_at": "2020-01-01", "version": 1, "practice": str(uuid4()), "invoice": str(uuid4()),
        }.items()
    },
    "an order that is finished already": hidden(
        "POST", "orders", {"practice": "{practice}", "kind": "Krone", "state": "abgeschlossen"}
    ),
    "an order with a number of one's own": hidden("POST", "orders", {"practice": "{practice}", "kind": "Krone", "number": "1"}),
    "a draft with a number": hidden("POST", "invoices", {"order": "{order}", "number": "2026-1"}, "owner"),
    "a draft that is issued already": hidden(
        "POST", "invoices", {"order": "{order}", "issued_at": "2026-01-01T00:00:00Z"}, "owner"
    ),
    "an invoice's sum": hidden("PUT", "invoices/{draft}/lines", {"lines": [], "gross_cents": 1}, "owner"),
    "a line's sum": hidden("PUT", "invoices/{draft}/lines", {"lines": [{"amount_cents": 1}]}, "owner"),
    "a line of another invoice": hidden("PUT", "invoices/{draft}/lines", {"lines": [{"invoice": str(uuid4())}]}, "owner"),
    "a position's list of prices": hidden("POST", "orders/{order}/positions", {"price_list": str(uuid4())}, "owner"),
    "a position that is somebody's own": hidden("POST", "orders/{order}/positions", {"manual": True, "lab_id": "x"}, "owner"),
    "a discount on more": hidden("POST", "invoices/{draft}/discount", {"permille": 1, "scopes": ["x"]}, "owner"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_no_request_gives_more(way, stage, superuser):
    who, method, address, sent, headers, status, event = WAYS[way]
    before = fingerprint(superuser, stage.lab.lab_id)
    if isinstance(sent, dict):
        sent = {name: value.format(**stage.ids) if isinstance(value, str) else value for name, value in sent.items()}
    if method in ("PATCH", "PUT"):
        headers = {"If_Match": "*", **headers}

    answer = stage.programs[who].ask(method, address.format(**stage.ids), sent, **headers)

    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert fingerprint(superuser, stage.lab.lab_id) == before
    assert events(stage.lab)[-1:] == [event]


def events(lab):
    with lab.at_work():
        found = Entry.objects.filter(kind="event").exclude(what__in=("authn_token_created", "authn_login_success"))
        return [entry.what for entry in found.order_by("at")]


def on_the_platform(superuser, address):
    rows = superuser.execute(
        "select event from protection_platformevent where facts ->> 'path' = %s and facts ->> 'origin' = %s order by at",
        [address, "192.0.2.34"],
    )
    return [event for (event,) in rows]


def test_a_token_has_what_it_was_made_for_and_its_person_holds_and_nothing_else(stage):
    """Every operation, with scopes for all of them."""
    for one in OPERATIONS:
        if one.permission not in HELD:
            answer = stage.programs["dora"].ask(one.method, one.path.format(pk=uuid4(), position_pk=uuid4()), {})
            assert answer.status_code == 403, f"{one.method} {one.path}"


def test_a_role_that_is_narrowed_narrows_the_token_from_the_next_request(stage):
    program = stage.programs["dora"]
    assert program.get("practices").status_code == 200

    form = {"name": "Dora", "rechte": sorted(HELD - {Permission.PRACTICES_VIEW})}
    assert stage.lab.client("owner").post(f"/team/rollen/{stage.ids['role']}/", form).status_code == 302

    assert program.get("practices").status_code == 403
    assert events(stage.lab)[-1] == "authz_fail"
    form["rechte"] = sorted(HELD - {Permission.API_USE})
    assert stage.lab.client("owner").post(f"/team/rollen/{stage.ids['role']}/", form).status_code == 302
    assert program.get("orders").status_code == 401
    assert events(stage.lab)[-1] == "authn_token_reuse"


def test_scopes_that_were_widened_past_the_program_give_what_the_person_holds(stage):
    with laboratory(stage.lab.lab_id):
        tokens = ApiToken.objects.filter(account_id=stage.lab.member("office").id)
        tokens.update(scopes=["*", "team:change", "billing:issue", "billing:view", "ORDERS:VIEW", "api:use"])

    answers = {stage.programs["dora"].get(address).status_code for address in ("orders", "practices", "invoices")}

    assert answers == {403}


def test_the_page_makes_no_token_with_more(stage):
    client = stage.lab.client("office")
    form = {"label": "x", "days": "30", "scopes": [Permission.ORDERS_VIEW]}
    tried = [
        {"scopes": [Permission.ORDERS_VIEW, more]} for more in (Permission.BILLING_ISSUE, Permission.TEAM_CHANGE, "*")
    ]
    added = [
        {name: str(stage.lab.owner.id)} for name in ("account", "account_id", "lab_id", "expires_at", "permissions")
    ]

    for more, status in [*((each, 422) for each in tried), *((each, 403) for each in added)]:
        assert client.post("/konto/zugangsschluessel/neu/", {**form, **more}).status_code == status, more
        assert events(stage.lab)[-1] == "authz_fail"

    with stage.lab.at_work():
        assert ApiToken.objects.filter(account_id=stage.lab.member("office").id).count() == 1


@pytest.mark.parametrize(
    "address", ["tokens", "token", "accounts", "team", "roles", "account", "laboratory", "me", "../team/"]
)
def test_no_operation_is_about_people_rules_or_tokens(address, stage):
    for method in ("GET", "POST", "PUT"):
        assert stage.programs["owner"].ask(method, address, {"role": "owner"}).status_code == 404


def test_a_person_of_a_practice_has_no_program(anna):
    with anna.at_work("practice"):
        token = make_token(anna.member("practice").id, "x", OFFERED, timedelta(days=1))[1]

    assert Program(token).get("orders").status_code == 401
    assert events(anna)[-1] == "authn_token_reuse"
    client = anna.client("practice")
    for address in ("/konto/zugangsschluessel/", "/konto/zugangsschluessel/neu/"):
        assert client.get(address).status_code == 403
        assert client.post(address, {"label": "x", "days": "30", "scopes": ["orders:view"]}).status_code == 403
    assert events(anna)[-4:] == ["authz_fail"] * 4


def test_a_token_does_not_rise_again_with_its_person(stage):
    owner, account = stage.lab.client("owner"), stage.lab.member("office").id

    assert owner.post(f"/team/{account}/ende/").status_code == 302
    assert stage.programs["dora"].get("orders").status_code == 401
    assert events(stage.lab)[-1] == "authn_token_reuse"

    assert owner.post(f"/team/{account}/rueckkehr/").status_code == 302
    assert stage.programs["dora"].get("orders").status_code == 401


# An answer that is kept for a key


def test_the_key_of_another_person_gives_nothing_of_their_answer(stage, bert):
    """Neither to a weaker token, nor to another person, nor in another laboratory."""
    first = stage.programs["owner"].post("practices", {**NEW, "remarks": "Geheim"}, Idempotency_Key="1")
    assert first.status_code == 201
    weak = stage.lab.program("owner", [Permission.PRACTICES_VIEW])

    refused = weak.post("practices", {**NEW, "remarks": "Geheim"}, Idempotency_Key="1")
    assert (refused.status_code, events(stage.lab)[-1]) == (403, "authz_fail")
    again = stage.programs["dora"].post("practices", NEW, Idempotency_Key="1")
    theirs = bert.program().post("practices", NEW, Idempotency_Key="1")

    assert (again.status_code, theirs.status_code) == (422, 201)  # the number is taken at Anna's: it was tried anew
    for answer in (refused, again, theirs):
        assert not answer.has_header("Idempotency-Replayed")
        assert "Geheim" not in answer.content.decode()


def test_after_the_rights_went_a_kept_answer_is_not_told_again(stage):
    """What was told then may be more than may be told now: an order's remarks belong to whoever may see patients."""
    with laboratory(stage.lab.lab_id):
        roles = LaboratoryRole.objects.filter(key="eigene-dora")
        roles.update(permissions=sorted(HELD | {Permission.PATIENTS_VIEW}))
    new = {"practice": str(stage.ids["practice"]), "kind": "Krone", "remarks": "Herr Mustermann, Allergie"}
    told = stage.programs["dora"].post("orders", new, Idempotency_Key="1")
    assert (told.status_code, told.json()["remarks"]) == (201, new["remarks"])

    with laboratory(stage.lab.lab_id):
        roles.update(permissions=sorted(HELD))
    again = stage.programs["dora"].post("orders", new, Idempotency_Key="1")

    assert again.status_code == 422
    assert "Allergie" not in again.content.decode()
    assert events(stage.lab)[-1] == "input_validation_fail"
    with laboratory(stage.lab.lab_id):
        roles.update(permissions=sorted(HELD - {Permission.ORDERS_CHANGE}))
    assert stage.programs["dora"].post("orders", new, Idempotency_Key="1").status_code == 403


# One key for another door


@pytest.mark.parametrize("address", ["/team/", "/auftraege/", "/konto/zugangsschluessel/neu/", "/protokoll/"])
def test_a_token_opens_no_page(address, stage, superuser):
    for method in ("get", "post"):
        answer = getattr(nobody_client(), method)(
            address, headers={"Authorization": f"Bearer {stage.programs['owner'].token}"}, REMOTE_ADDR="192.0.2.34"
        )
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/anmelden/")

    assert on_the_platform(superuser, address)[-2:] == ["authn_login_fail"] * 2


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_a_session_opens_no_operation(method, stage, superuser):
    client, address = stage.lab.client("owner"), f"/api/v1/practices/{stage.ids['practice']}"
    headers = {"Authorization": f"Bearer {stage.programs['owner'].token}"}

    alone = getattr(client, method)(address, REMOTE_ADDR="192.0.2.34")
    with_token = getattr(client, method)(address, headers=headers, REMOTE_ADDR="192.0.2.34")

    assert (alone.status_code, with_token.status_code) == (401, 400)
    assert on_the_platform(superuser, address) == ["authn_login_fail"] * 2
    with stage.lab.at_work():
        assert Practice.objects.filter(pk=stage.ids["practice"]).exists()


def test_whoever_reads_the_description_while_signed_in_is_no_attacker(stage, superuser):
    client = stage.lab.client("owner")

    for address in ("/api/v1/docs", "/api/v1/openapi.json"):
        assert client.get(address, REMOTE_ADDR="192.0.2.34").status_code == 200
        assert on_the_platform(superuser, address) == []


def test_a_token_counts_in_its_header_alone(stage):
    token = stage.programs["owner"].token
    client = nobody_client()
    client.cookies["Authorization"] = f"Bearer {token}"

    places = [
        client.get(f"/api/v1/practices?access_token={token}"),
        client.get("/api/v1/practices", headers={"X-Api-Key": token, "Proxy-Authorization": f"Bearer {token}"}),
        client.post("/api/v1/practices", {"access_token": token}),
    ]

    assert {each.status_code for each in places} == {401}
