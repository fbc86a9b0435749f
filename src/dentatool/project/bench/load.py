"""Fills the scene: one laboratory by the program itself, the others as copies of its rows.

Copies take every column as it is and give ids and references new values; so they fit whatever the models are. A copied
ciphertext has its true length and opens nowhere: for the other laboratories that is all that matters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from dentatool.project.bench.sizes import Sizes

SIGN_IN_NAME, PASSWORD = "messung@labor.example", "Zirkon-Krone-36-mesial"
_AT_ONCE = 50  # laboratories copied by one statement
_PER_PASS = 500  # rows under one pass, well within its 60 seconds
_OPEN_SHARE, _INVOICES = 0.15, 60
_ONSETS = (
    "Al",
    "Ber",
    "Dor",
    "Eh",
    "Fal",
    "Gru",
    "Hof",
    "Kai",
    "Lin",
    "Mar",
    "Nie",
    "Ober",
    "Pfeil",
    "Ros",
    "Schu",
    "Wei",
)
_MIDDLES = ("den", "gel", "hau", "ken", "len", "man", "nar", "rin", "sen", "ten", "wal", "zin", "bru", "dau", "kir")
_ENDINGS = ("ach", "bauer", "berg", "eder", "hofer", "huber", "ing", "mann", "meier", "ner", "ski", "stätter", "müller")
_FIRST = ("Anna", "Björn", "Clara", "Deniz", "Emil", "Fatma", "Georg", "Hanna", "Ida", "Jürgen", "Käthe", "Lars", "Mia")
# What copies leave out, so that a million orders stay affordable: (table, condition on the row `t`).
_PART_OF = {
    "orders_patient": "exists (select from public.orders_order o where o.lab_id = t.lab_id and o.patient_id = t.id)",
    "orders_position": "t.rank <= 2",
    "orders_ordertooth": "t.id in (select distinct on (order_id) id from public.orders_ordertooth where lab_id = t.lab_id)",
    "billing_invoiceline": "t.rank <= 2",
    "protection_entry": "t.what = 'orders_order' and t.action = 'insert'",
}
# Sessions and keys are each laboratory's own; nothing is sealed here, no worker runs.
_NOT_COPIED = {"protection_session", "protection_labkey", "protection_leaf", "protection_checkpoint"}


@dataclass(frozen=True, slots=True)
class Measured:
    """The laboratory that is measured."""

    lab_id: UUID
    account_id: UUID
    names: tuple[tuple[UUID, str, date], ...]


def new_token(measured: Measured) -> str:
    """A token of the measured laboratory's owner, for all that a program may do."""
    from dentatool.protection.access.tokens import OFFERED, make_token  # noqa: PLC0415  (Django must be set up first)
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    with laboratory(measured.lab_id, actor=measured.account_id):
        return make_token(measured.account_id, "Messung", OFFERED, timedelta(days=1))[1]


def found_measured(sizes: Sizes) -> Measured:
    """A laboratory with sealed patients, orders with teeth and positions, and issued invoices: all by the program."""
    from dentatool.catalogue import demo as catalogue_demo  # noqa: PLC0415  (Django must be set up first)
    from dentatool.practices import demo as practices_demo  # noqa: PLC0415
    from dentatool.protection.access import Account  # noqa: PLC0415
    from dentatool.protection.founding import connect_as_owner  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415
    from dentatool.team import demo as team_demo  # noqa: PLC0415
    from dentatool.team.founding import FirstAccount, create_laboratory  # noqa: PLC0415

    first = FirstAccount("Mira Messner", SIGN_IN_NAME, PASSWORD)
    with connect_as_owner() as owner:
        lab_id = create_laboratory(owner, "Messlabor", first, **team_demo.PROFILES["anna"])
    with laboratory(lab_id):
        practices_demo.fill("anna")
        catalogue_demo.fill("anna")
        account_id = Account.objects.values_list("pk", flat=True).get()
    names = _patients(lab_id, sizes.patients)
    _orders(lab_id, sizes.orders_each, names)
    _invoices(lab_id, account_id)
    return Measured(lab_id, account_id, names)


def _patients(lab_id: UUID, count: int) -> tuple[tuple[UUID, str, date], ...]:
    from dentatool.orders.models import Patient  # noqa: PLC0415
    from dentatool.practices.models import Practice  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    dice, made = Random(1), []  # noqa: S311 - dice for names, not for secrets
    for start in range(0, count, _PER_PASS):
        with laboratory(lab_id):
            practices = list(Practice.objects.filter(no_names=False))
            batch = [_patient(dice, place, practices) for place in range(start, min(start + _PER_PASS, count))]
            made += [(each.pk, each.name, each.birth_date) for each in Patient.objects.bulk_create(batch)]
    return tuple(made)


def _patient(dice: Random, place: int, practices: list[Any]) -> Any:
    from dentatool.orders.models import Patient  # noqa: PLC0415

    name = f"{dice.choice(_FIRST)} {dice.choice(_ONSETS)}{dice.choice(_MIDDLES)}{dice.choice(_ENDINGS)}"
    born = date(1935, 1, 1) + timedelta(days=dice.randrange(27_000))
    return Patient(practice=practices[place % len(practices)], name=name, birth_date=born, pseudonym=f"P{place:06}")


def _orders(lab_id: UUID, count: int, names: tuple[tuple[UUID, str, date], ...]) -> None:
    from dentatool.orders.models import Order  # noqa: PLC0415
    from dentatool.orders.workflow import State  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    shown = names[: max(1, count // 2)]
    for start in range(0, count, 100):
        with laboratory(lab_id):
            made = [_order(place, count, shown) for place in range(start, min(start + 100, count))]
            past = [order.pk for place, order in enumerate(made, start) if place < count * (1 - _OPEN_SHARE)]
            Order.objects.filter(pk__in=past).update(state=State.DELIVERED)


def _order(place: int, count: int, names: tuple[tuple[UUID, str, date], ...]) -> Any:
    from django.utils.timezone import localdate  # noqa: PLC0415

    from dentatool.catalogue.models import ServiceChain  # noqa: PLC0415
    from dentatool.orders.actions import Ordered, create_order  # noqa: PLC0415
    from dentatool.orders.models import Patient  # noqa: PLC0415
    from dentatool.values.order_number import check_digit  # noqa: PLC0415

    patient = Patient.objects.select_related("practice").get(pk=names[place % len(names)][0])
    received = localdate() - timedelta(days=300 - place * 300 // count)
    body = f"422201-{patient.pseudonym}-ZE-{received.year}{place:04}-1-"
    ordered = Ordered(order_number=f"{body}{check_digit(body)}", shade="A3", received_on=received,
                      due_on=received + timedelta(days=7))  # fmt: skip
    chain = ServiceChain.objects.get(name="NEM-Krone, verblendet")
    return create_order(patient.practice, ordered, patient=patient, teeth={14: "krone"}, chain=chain,
                        variables={"kronen": 1, "versandgaenge": 1})  # fmt: skip


def _invoices(lab_id: UUID, account_id: UUID) -> None:
    from dentatool.billing.actions import draft_invoice, issue_invoice  # noqa: PLC0415
    from dentatool.orders.models import Order  # noqa: PLC0415
    from dentatool.orders.workflow import State  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    with laboratory(lab_id, actor=account_id):
        for order in Order.objects.filter(state=State.DELIVERED).order_by("-due_on")[:_INVOICES]:
            issue_invoice(draft_invoice(order))
        Order.objects.filter(state=State.DELIVERED).update(state=State.BILLED)


def add_laboratories(link: psycopg.Connection, source: UUID, count: int) -> None:
    """More laboratories, each a copy of the measured one. `link` is a superuser's."""
    link.execute("set session_replication_role = replica")  # no triggers, no foreign key checks: millions of rows
    link.execute("set synchronous_commit = off")
    made = link.execute(
        "insert into protection_laboratory (id, name, idle_minutes, active, created_at)"
        " select uuidv7(), 'Labor ' || n, 15, true, now() from generate_series(1, %s) n returning id",
        [count],
    ).fetchall()
    for start in range(0, count, _AT_ONCE):
        labs = [row[0] for row in made[start : start + _AT_ONCE]]
        for model in copied_models():
            copy_rows(link, model, "public", source, labs)
    link.execute("reset session_replication_role")
    link.execute("reset synchronous_commit")


def copied_models() -> Iterator[Any]:
    """The models whose rows other laboratories have too."""
    from django.apps import apps  # noqa: PLC0415

    from dentatool.protection.tenancy import Record  # noqa: PLC0415

    yield from (
        model for model in apps.get_models() if issubclass(model, Record) and model._meta.db_table not in _NOT_COPIED
    )


def copy_rows(link: psycopg.Connection, model: Any, schema: str, source: UUID, labs: list[UUID]) -> None:
    """Copy a table's rows of one laboratory to others, under new ids that every reference follows."""
    from django.db.models import ForeignKey  # noqa: PLC0415

    table, columns, values = model._meta.db_table, [], []
    for field in model._meta.local_concrete_fields:
        columns.append(sql.Identifier(field.column))
        own = sql.Identifier("t", field.column)
        if field.column == "lab_id":
            values.append(sql.SQL("l.id"))
        elif field.primary_key or isinstance(field, ForeignKey) or field.column in ("record_id", "actor_id"):
            values.append(sql.SQL("md5(l.id::text || {}::text)::uuid").format(own))
        else:
            values.append(own)
    condition = _PART_OF.get(table, "true")
    link.execute(
        sql.SQL(
            "insert into {table} ({columns}) select {values} from unnest(%s::uuid[]) l(id) cross join {table} t"
            " where t.lab_id = %s and {condition}"
        ).format(
            table=sql.Identifier(schema, table),
            columns=sql.SQL(", ").join(columns),
            values=sql.SQL(", ").join(values),
            condition=sql.SQL(condition),  # type: ignore[arg-type]
        ),
        [labs, source],
    )
