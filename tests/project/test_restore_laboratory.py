"""Anna deletes fifty orders by mistake. They come back as they were, and nothing of Bert's moves."""

import json
import re
import time

import psycopg
import pytest

from harness.backed_up import Installation

pytestmark = pytest.mark.slow

MORE = """
from dentatool.project.instance import start_django
start_django("app")
from uuid import UUID, uuid4
from dentatool.protection.tenancy import laboratory
from dentatool.orders.models import Order, OrderTooth, Position
with laboratory(UUID({lab!r})):
    for place, order in enumerate([*Order.objects.all()[:30]] * 2):
        for name in [field.name for field in Order._meta.concrete_fields if hasattr(field, "open")]:
            setattr(order, name, str(getattr(order, name)))  # opened here, sealed again for the new row
        parts = [*OrderTooth.objects.filter(order=order), *Position.objects.filter(order=order)]
        order.pk, order.number, order._state.adding = uuid4(), f"P-{{place}}", True
        order.save()
        for part in parts:
            for name in [field.name for field in part._meta.concrete_fields if hasattr(field, "open")]:
                setattr(part, name, str(getattr(part, name)))
            part.pk, part.order, part._state.adding = uuid4(), order, True
            part.save()
"""
# As the app, under Anna's pass: whatever a program could do wrong.
DELETE = """
from dentatool.project.instance import start_django
start_django("app")
from uuid import UUID
from dentatool.protection.tenancy import laboratory
from dentatool.orders.models import Order, OrderTooth, Position
from dentatool.billing.models import Invoice
with laboratory(UUID({lab!r})):
    chosen = list(Order.objects.exclude(pk__in=Invoice.objects.values("order_id")).values_list("pk", flat=True)[:50])
    for model in (OrderTooth, Position):
        model.objects.filter(order_id__in=chosen).delete()
    print(Order.objects.filter(pk__in=chosen).delete()[0])
    left = Order.objects.exclude(pk__in=Invoice.objects.values("order_id"))
    for order in left[:2]:  # and goes on working with others
        order.shade = "B9"
        order.save(update_fields=["shade"])
    Order.objects.filter(pk__in=Invoice.objects.values("order_id")).update(shade="C9")
"""
SEAL = """
from dentatool.project.instance import start_django
start_django("worker")
from time import sleep
from dentatool.protection.audit.sealing import sealer
sealing = sealer()
for _ in range(8):  # until nothing is left that is old enough, so that a second look finds nothing new
    sealing.round()
    sleep(0.25)
"""
STAMPS = "array['created_at', 'changed_at', 'version']"


class Living:
    """What the superuser sees of the running database."""

    def __init__(self, installation: Installation) -> None:
        known = json.loads((installation.var / "secrets/database.json").read_text())
        password = (installation.var / "secrets/superuser.key").read_text()
        self.link = psycopg.connect(
            host=known["host"],
            port=known["port"],
            user="postgres",
            password=password,
            dbname=known["name"],
            autocommit=True,
        )

    def ask(self, question: str, *values: object) -> list[tuple]:
        return self.link.execute(question, values).fetchall()

    def of(self, lab: str, *, stamps: bool = True) -> dict[str, list]:
        """Every row of every table of a laboratory."""
        tables = self.ask(
            "select table_name from information_schema.columns where column_name = 'lab_id' and table_schema = 'public'"
            " and table_name not in ('protection_entry') order by 1"
        )
        row = "to_jsonb(t)" if stamps else f"to_jsonb(t) - {STAMPS}"
        return {
            table: [
                each for (each,) in self.ask(f'select {row} from "{table}" t where lab_id = %s order by t::text', lab)
            ]
            for (table,) in tables
        }


def sealed(installation: Installation) -> dict[str, int]:
    """Entries of each trail that are sealed; `audit verify` has found all of them unchanged and complete."""
    told = installation.works("audit", "verify")
    return {lab: int(count) for lab, count in re.findall(r"✓ Labor (\S+): (\d+) Einträge versiegelt", told)}


def by_id(rows: list[dict]) -> dict[str, dict]:
    return {row["id"]: row for row in rows}


def test_fifty_orders_come_back_and_the_other_laboratory_does_not_move(installation: Installation) -> None:
    installation.works("backup", "keygen", "--out", installation.key)
    installation.works("manage", "demo")
    labs = {line.split(maxsplit=1)[1]: line.split()[0] for line in installation.works("tenant", "list").splitlines()}
    anna, bert = (next(lab for name, lab in labs.items() if word in name) for word in ("Anna", "Bert"))
    installation.as_the_app(MORE.format(lab=anna))
    installation.works("backup", "create", "--full")
    living = Living(installation)
    before = living.of(anna, stamps=False)
    ((minute,),) = living.ask("select clock_timestamp()")
    time.sleep(0.1)
    assert installation.as_the_app(DELETE.format(lab=anna)) == "50\n"
    installation.as_the_app(SEAL)
    were_sealed = sealed(installation)
    others, trail = living.of(bert), living.ask("select id from protection_entry where lab_id = %s", anna)
    installation.archive()
    how = ("restore", "--lab", anna, "--to", minute.isoformat(), "--identity", installation.key)

    shown = installation.works(*how)
    assert "50 Aufträge" in shown and "--yes" in shown
    assert "2 Aufträge: geändert, bleiben" in shown  # but those with an invoice, which can never be set back
    assert all(word in shown for word in ("Zähne", "Positionen"))
    assert len(living.of(anna)["orders_order"]) == len(before["orders_order"]) - 50  # it was only shown
    told = installation.works(*how, "--yes")

    assert "Zurückgeholt" in told
    after = living.of(anna, stamps=False)
    for table in ("orders_ordertooth", "orders_position", "orders_patient"):
        assert by_id(after[table]) == by_id(before[table])
    differs = [key for key, row in by_id(after["orders_order"]).items() if row != by_id(before["orders_order"])[key]]
    assert sorted({by_id(after["orders_order"])[key]["shade"] for key in differs}) == ["B9", "C9"]
    assert after["orders_order"] != before["orders_order"] and len(after["orders_order"]) == len(before["orders_order"])
    assert living.of(bert) == others
    now = living.ask("select id from protection_entry where lab_id = %s", anna)
    assert set(trail) <= set(now)  # appended to, not rewritten
    ((facts,),) = living.ask("select changes from protection_entry where lab_id = %s and what = 'restore_done'", anna)
    new = living.ask(
        "select count(*) from protection_entry where lab_id = %s and action = 'insert' and what like 'orders_%%' and at > %s",
        anna, minute,
    )  # fmt: skip
    assert facts["count"] == new[0][0] >= 50
    assert "Seitdem wurde nichts gelöscht" in installation.works(*how, "--yes")
    assert "Zurückgeholt: 2 Zeilen" in installation.works(*how, "--changed", "--yes")
    again = by_id(living.of(anna, stamps=False)["orders_order"])
    assert {row["shade"] for key, row in again.items() if row != by_id(before["orders_order"])[key]} == {"C9"}
    assert living.of(bert) == others
    installation.as_the_app(SEAL)
    now_sealed = sealed(installation)  # `audit verify` is content: all that was sealed before is in front of what came
    assert now_sealed[anna] > were_sealed[anna] > 0 and now_sealed[bert] == were_sealed[bert] > 0
    # What came back can be opened: the living program reads all of it.
    assert "Probe bestanden" in installation.works("backup", "drill", "--identity", installation.key)
    living.link.close()


def test_a_laboratory_that_does_not_exist_and_a_time_that_is_none_are_refused(installation: Installation) -> None:
    installation.works("backup", "keygen", "--out", installation.key)
    unknown = "01998a00-0000-7000-8000-000000000000"

    assert "gibt es nicht" in installation.refused(
        "restore", "--lab", unknown, "--to", "2026-11-25 10:02", "--identity", installation.key
    )
    assert "ist keine Zeit" in installation.refused(
        "restore", "--lab", unknown, "--to", "gestern", "--identity", installation.key
    )
    assert "mit --to" in installation.refused("restore", "--lab", unknown, "--identity", installation.key)
