"""Every address × every role × {own, foreign, absent, nobody} × every method, generated from the program.

A new address that names records must be added to `RECORDS` below; until then a test fails.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from billing.conftest import make_order
from dentatool.api.operation import Endpoint
from dentatool.protection.access import PUBLIC, Permission, Role
from dentatool.protection.access.internal.roles import PERMISSIONS_OF
from dentatool.protection.tenancy import Record, laboratory
from harness.laboratories import nobody_client

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# First part of the address's name → whose id it takes.
RECORDS = {
    "order": "order",
    "position": "order",
    "patient": "patient",
    "invoice": "draft",
    "practice": "practice",
    "dentist_new": "practice",
    "dentist_edit": "dentist",
    "location_new": "practice",
    "location_remove": "location",
    "price": "price_list",
    "article": "article",
    "servicechain": "chain",
    "chain_line_new": "chain",
    "chain": "chain_line",
    "provider": "laboratory",
    "trail_export_file": "trail_export",
    "trail_proof": "trail_entry",
    "person": "account",
    "role": "own_role",
    "review": "review",
    "review_item": "review_item",
    "factor": "factor",
    "token": "token",
}
OWN_ROLE = "own"  # beside the built-in ones: a role of the laboratory's own
OWN_PERMISSIONS = frozenset({Permission.OWN_ACCOUNT, Permission.ORDERS_VIEW, Permission.TEAM_VIEW})
ROLES = [*Role.values, OWN_ROLE]


@dataclass(frozen=True)
class Address:
    """One address of the program."""

    pattern: str
    name: str
    permission: str

    @property
    def takes_ids(self) -> bool:
        return "<uuid:" in self.pattern

    @property
    def record(self) -> str:
        """What its <uuid:pk> names; the longest matching entry of RECORDS."""
        parts = self.name.split("_")
        for length in range(len(parts), 0, -1):
            if (found := RECORDS.get("_".join(parts[:length]))) is not None:
                return found
        raise KeyError(f"{self.name}: add it to RECORDS, so that it is tested")

    def filled(self, records: dict[str, UUID]) -> str:
        """The address of these records."""
        address = self.pattern.replace("<uuid:position_pk>", str(records["position"]))
        return address.replace("<uuid:pk>", str(records[self.record])) if self.takes_ids else address


def addresses() -> list[Address]:
    def walk(prefix: str, patterns: list[Any]) -> Iterator[Address]:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from walk(prefix + str(entry.pattern), entry.url_patterns)
            elif not isinstance(entry.callback, Endpoint):  # for programs: tests/api/test_matrix.py
                yield Address(prefix + str(entry.pattern), entry.name, entry.callback.page_permission)

    return list(walk("/", get_resolver().url_patterns))


ALL = addresses()
WITH_IDS = [address for address in ALL if address.takes_ids]
INNER = [address for address in ALL if address.permission != PUBLIC]


def records_of(lab: Any) -> dict[str, UUID]:
    """One record of each kind in this laboratory."""
    from dentatool.billing.actions import draft_invoice
    from dentatool.catalogue import demo
    from dentatool.catalogue.models import Article, ChainLine, PriceList, ServiceChain
    from dentatool.practices.models import Dentist, KnownLocation
    from dentatool.protection.access.internal.models import Factor
    from dentatool.protection.access.people import LaboratoryRole
    from dentatool.protection.access.tokens import OFFERED, make_token
    from dentatool.protection.audit import Entry
    from dentatool.team.reviews.actions import open_review

    with lab.at_work():
        demo.fill("bert")  # one region's prices are enough
        order = make_order()
        practice = order.practice
        made = {
            "order": order,
            "position": order.positions.first(),
            "patient": order.patient,
            "draft": draft_invoice(order),
            "practice": practice,
            "dentist": Dentist.objects.create(practice=practice, last_name="Geheimrat"),
            "location": KnownLocation.objects.create(practice=practice, number="565901"),
            "price_list": PriceList.objects.first(),
            "article": Article.objects.first(),
            "chain": ServiceChain.objects.first(),
            "chain_line": ChainLine.objects.first(),
            "trail_export": fetchable_export(lab),
            "trail_entry": Entry.objects.first(),
            "own_role": LaboratoryRole.objects.create(
                key="eigene-annahme", name="Annahme", permissions=sorted(OWN_PERMISSIONS)
            ),
            "review": (review := open_review(by=None)),
            "review_item": review.items.first(),
            "factor": Factor.objects.create(account_id=lab.owner.id, kind="app", label="Handy", secret="geheim"),
            "token": make_token(lab.owner.id, "Praxissoftware", OFFERED, timedelta(days=1))[0],
        }
        return {name: record.pk for name, record in made.items()} | {
            "account": lab.courier.id,
            "laboratory": lab.lab_id,
        }


def permissions_of(role: str) -> frozenset[Permission]:
    return OWN_PERMISSIONS if role == OWN_ROLE else PERMISSIONS_OF[role]


def client_of(lab: Any, role: str, own: dict[str, UUID]) -> Any:
    """A person with this role; one of a practice belongs to the practice of these records."""
    from dentatool.protection.access import Account

    if role == OWN_ROLE:
        with laboratory(lab.lab_id):
            Account.objects.filter(pk=lab.member("reader").id).update(role="eigene-annahme")
        return lab.client("reader")
    if role == Role.PRACTICE:
        lab.practice_person(own["practice"])
    return lab.client(role)


def fetchable_export(lab: Any) -> Any:
    """An export of the trail that its owner may fetch."""
    from dentatool.team.models import TrailExport

    return TrailExport.objects.create(
        account_id=lab.owner.id, file_format="csv", state="ready", expires_at=timezone.now() + timedelta(days=1)
    )


ABSENT = {name: uuid4() for name in {*RECORDS.values(), "position", "order"}}


def test_every_address_that_takes_ids_is_in_the_table():
    assert {address.record for address in WITH_IDS} <= set(RECORDS.values())
    assert len(WITH_IDS) > 40


def test_bert_gets_for_annas_records_what_he_gets_for_none(anna, bert, superuser):
    """Status, headers and body alike to the byte, and nothing of Anna's changes."""
    foreign = records_of(anna)
    records_of(bert)
    before = fingerprint(superuser, anna.lab_id)
    client = bert.client("owner")
    client.raise_request_exception = False
    tried = 0

    for address in WITH_IDS:
        for method in METHODS:
            theirs = client.generic(method, address.filled(foreign))
            nothing = client.generic(method, address.filled(ABSENT))
            assert shown(theirs) == shown(nothing), f"{method} {address.pattern}"
            assert theirs.status_code in (404, 405), f"{method} {address.pattern}: {theirs.status_code}"
            tried += 1

    assert fingerprint(superuser, anna.lab_id) == before
    assert tried == len(WITH_IDS) * len(METHODS)


@pytest.mark.parametrize("role", [role for role in ROLES if role != Role.OWNER])
def test_nobody_of_berts_gets_more_for_annas_records_than_for_none(role, anna, bert, superuser):
    """The other roles, which are refused by their rights before the records are looked for, or after."""
    foreign, own = records_of(anna), records_of(bert)
    before = fingerprint(superuser, anna.lab_id)
    client = client_of(bert, role, own)
    client.raise_request_exception = False

    for address in WITH_IDS:
        for method in ("GET", "POST"):
            theirs = client.generic(method, address.filled(foreign))
            nothing = client.generic(method, address.filled(ABSENT))
            assert shown(theirs) == shown(nothing), f"{role} {method} {address.pattern}"
            assert theirs.status_code in (403, 404, 405), f"{role} {method} {address.pattern}: {theirs.status_code}"

    assert fingerprint(superuser, anna.lab_id) == before


def test_a_practice_gets_for_anothers_records_what_it_gets_for_none(anna, superuser):
    """The same within one laboratory: what belongs to another practice is to Winter's person as if it were not there."""
    foreign = records_of(anna) | {"laboratory": ABSENT["laboratory"]}  # the laboratory is theirs too
    with anna.at_work():
        winter = make_order().practice
    anna.practice_person(winter.pk)
    before = fingerprint(superuser, anna.lab_id)
    client = anna.client("practice")
    client.raise_request_exception = False

    for address in WITH_IDS:
        for method in METHODS:
            theirs = client.generic(method, address.filled(foreign))
            nothing = client.generic(method, address.filled(ABSENT))
            assert shown(theirs) == shown(nothing), f"{method} {address.pattern}"
            assert theirs.status_code in (403, 404, 405), f"{method} {address.pattern}: {theirs.status_code}"

    assert fingerprint(superuser, anna.lab_id) == before


def test_no_page_shows_a_practice_what_belongs_to_another(anna):
    """Every page without an id, as a person of Winter's: not an id, a name or a number of Sommer's."""
    foreign = records_of(anna)
    with anna.at_work():
        own = make_order(number="W-EIGEN")
        own.practice.name = "Praxis Winter"
        own.practice.save()
        secrets = [str(value) for key, value in foreign.items() if key != "account"] + ["Dr. Sommer", "565901-4711"]
        type(own).objects.exclude(pk=own.pk).update(order_number="565901-4711-ZE-20260015-1-6")
        type(own).objects.filter(pk=own.pk).update(order_number="")
    anna.practice_person(own.practice_id)
    client = anna.client("practice")
    client.raise_request_exception = False
    served = []

    for address in INNER:
        if not address.takes_ids and address.name != "sign_out":
            for query in ("", "?status=alle", "?suche=Sommer", "?suche=4711", "?namen=1"):
                answer = client.get(address.pattern + query)
                assert answer.status_code < 500, f"{address.pattern}{query}"
                shown_text = answer.content.decode(errors="replace").replace(f'value="{query[7:]}"', "")
                assert [secret for secret in secrets if secret in shown_text] == [], f"{address.pattern}{query}"
                served.append("W-EIGEN" in shown_text)

    assert any(served)  # and its own order is shown


def test_bert_cannot_reach_annas_line_through_his_own_order(anna, bert):
    foreign, own = records_of(anna), records_of(bert)
    client = bert.client("owner")

    for address in WITH_IDS:
        if "position_pk" in address.pattern:
            answer = client.post(address.filled({**own, "position": foreign["position"]}))
            assert answer.status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_served_what_its_permissions_say_and_nothing_else(anna, role):
    own = records_of(anna)
    client = client_of(anna, role, own)
    client.raise_request_exception = False
    may = permissions_of(role)

    for address in INNER:
        if address.name == "sign_out":
            continue
        answer = client.get(address.filled(own))
        if address.permission in may:
            assert answer.status_code in (200, 302, 404, 405, 409, 422), (
                f"{role} {address.pattern}: {answer.status_code}"
            )
        else:
            assert answer.status_code == 403, f"{role} {address.pattern}: {answer.status_code}"


@pytest.mark.parametrize("role", ROLES)
def test_who_lacks_the_permission_changes_nothing_by_any_method(anna, role, superuser):
    own = records_of(anna)
    client = client_of(anna, role, own)
    client.raise_request_exception = False
    before = fingerprint(superuser, anna.lab_id)

    for address in INNER:
        if address.permission not in permissions_of(role):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                assert client.generic(method, address.filled(own)).status_code == 403

    assert fingerprint(superuser, anna.lab_id) == before


def test_nobody_is_served_anything(anna, superuser):
    own = records_of(anna)
    before = fingerprint(superuser, anna.lab_id)

    for address in INNER:
        for method in METHODS:
            answer = nobody_client().generic(method, address.filled(own))
            assert answer.status_code == 302, f"{method} {address.pattern}"
            assert answer.headers["Location"].startswith("/anmelden/?weiter=")

    assert fingerprint(superuser, anna.lab_id) == before


def test_reading_changes_nothing(anna, superuser):
    """GET and HEAD of every address leave every table as it was (the trail notes what was read)."""
    own = records_of(anna)
    client = anna.client("owner")
    client.raise_request_exception = False
    before = fingerprint(superuser, anna.lab_id)

    for address in INNER:
        for method in ("GET", "HEAD"):
            assert client.generic(method, address.filled(own)).status_code < 500

    assert fingerprint(superuser, anna.lab_id) == before


def test_every_form_field_that_takes_an_id_refuses_annas(anna, bert, superuser):
    """Whatever form of the program, whichever field of choices: Anna's record is no choice for Bert."""
    from django.core.exceptions import ValidationError
    from django.forms import ModelChoiceField

    foreign = records_of(anna)
    records_of(bert)
    checked = []
    with bert.at_work():
        for form in every_form():
            for name, field in form.base_fields.items():
                if isinstance(field, ModelChoiceField):
                    # Forms narrow their choices; here even the widest set must not know Anna's.
                    widest = type(field)(field.queryset.model._default_manager.all())
                    for record_id in foreign.values():
                        with pytest.raises(ValidationError):
                            widest.clean(str(record_id))
                    checked.append(f"{form.__name__}.{name}")

    assert checked, "the walk found no field at all"


def every_form() -> Iterator[Any]:
    """All form classes that the slices define."""
    from django.forms import BaseForm

    def below(kind: type) -> Iterator[type]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return (
        form for form in below(BaseForm) if form.__module__.startswith("dentatool.") and hasattr(form, "base_fields")
    )


def fingerprint(superuser: Any, lab_id: UUID) -> str:
    """One hash over every row of a laboratory. Left out: the trail, and when somebody last did something."""
    hashed = hashlib.sha256()
    tables = sorted(m._meta.db_table for m in apps.get_models() if issubclass(m, Record))
    for table in tables:
        if table in ("protection_entry", "protection_session"):
            continue
        row = (
            "(to_jsonb(t) - '{last_used_at,changed_at,version}'::text[])::text"
            if table == "protection_apitoken"
            else "t::text"
        )
        rows = superuser.execute(f"select {row} from {table} t where lab_id = %s order by 1", [lab_id])
        hashed.update(repr((table, rows.fetchall())).encode())
    return hashed.hexdigest()


def shown(answer: Any) -> tuple[Any, ...]:
    """An answer without what differs from request to request: nonce, token, reference, asked-for ids."""
    body = answer.content.decode(errors="replace")
    body = re.sub(r'nonce="[^"]*"', "", body)
    body = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", body)
    body = re.sub(r"\b(?:[0-9a-f]{32}|[0-9a-f]{8})\b(?!-)", "REFERENCE", body)
    body = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", body)
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("Content-Security-Policy", "Content-Length")
    }
    return answer.status_code, headers, body
