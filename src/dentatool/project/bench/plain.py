"""The opponent: the same rows in plain tables (no policies, no triggers, names in the clear) and SQL written by hand.

The plain tables have every index of the real ones, and a trigram index for fragments of names, which the real ones
cannot have. The statements fetch what the page shows and nothing else; psycopg prepares them by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg

from dentatool.project.bench.load import Measured, copied_models, copy_rows

_AT_ONCE = 50
_OPEN = [
    *("entwurf", "eingegangen", "in_planung", "in_arbeit", "ausser_haus"),
    *("endkontrolle", "fertig", "rueckfrage", "angehalten"),
]
Work = Callable[[psycopg.Cursor], Any]
# What the visitor types about a new patient: sealed in our table, as it is in the plain one.
_TYPED = {"name": "'Neu Aufgenommen'", "birth_date": "'1970-02-01'", "allergies": "''", "remarks": "''"}


def build_plain_tables(link: psycopg.Connection, measured: Measured) -> None:
    """Copy everything into the schema `plain`. `link` is a superuser's: no policy binds it."""
    link.execute("create extension if not exists pg_trgm")
    link.execute("create extension if not exists btree_gin")
    link.execute("create schema plain")
    for model in copied_models():
        table = model._meta.db_table
        if table == "orders_patient":
            _plain_patients(link, measured, model)
        else:
            link.execute(f"create table plain.{table} as select * from public.{table}")  # type: ignore[arg-type]  # noqa: S608
        _same_indexes(link, table)
    link.execute("create index on plain.orders_patient using gin (lab_id, name gin_trgm_ops) with (fastupdate = off)")
    for model in copied_models():
        _same_references(link, model._meta.db_table)


def _plain_patients(link: psycopg.Connection, measured: Measured, model: Any) -> None:
    link.execute("create temp table clear (id uuid primary key, name text, birth_date date)")
    with link.cursor().copy("copy clear from stdin") as copy:
        for row in measured.names:
            copy.write_row(row)
    link.execute(
        "create table plain.orders_patient as"
        " select p.id, p.lab_id, p.created_at, p.changed_at, p.version, p.practice_id, clear.name, clear.birth_date,"
        " p.pseudonym, p.insurance, ''::text as allergies, ''::text as remarks"
        " from public.orders_patient p join clear using (id) where p.lab_id = %s",
        [measured.lab_id],
    )
    labs = [row[0] for row in link.execute(
        "select id from protection_laboratory where id <> %s order by id", [measured.lab_id]).fetchall()]  # fmt: skip
    for start in range(0, len(labs), _AT_ONCE):
        copy_rows(link, model, "plain", measured.lab_id, labs[start : start + _AT_ONCE])


@contextmanager
def followed(link: psycopg.Connection, measured: Measured) -> Iterator[None]:
    """What is taken in meanwhile comes into the plain tables too, so that both sides go on holding the same rows."""
    (since,) = link.execute("select clock_timestamp()").fetchone() or (None,)
    yield
    for model in copied_models():
        table = model._meta.db_table
        columns = [field.column for field in model._meta.local_concrete_fields]
        clear = _TYPED if table == "orders_patient" else {}
        shown = ", ".join(clear.get(column, f'"{column}"') for column in columns)
        names = ", ".join(f'"{column}"' for column in columns)
        link.execute(
            f"insert into plain.{table} ({names}) select {shown} from public.{table}"  # type: ignore[arg-type]  # noqa: S608
            f" where lab_id = %s and {'at' if table == 'protection_entry' else 'created_at'} >= %s",
            [measured.lab_id, since],
        )


def rows_of_both(link: psycopg.Connection, measured: Measured) -> dict[str, list[int]]:
    """Orders and patients of the measured laboratory, in our tables and in the plain ones."""
    tables = ("orders_order", "orders_patient")
    counted = "select count(*) from {}.{} where lab_id = %s"
    return {
        table: [
            link.execute(counted.format(schema, table), [measured.lab_id]).fetchone()[0]  # type: ignore[arg-type, index]
            for schema in ("public", "plain")
        ]
        for table in tables
    }


def _same_indexes(link: psycopg.Connection, table: str) -> None:
    link.execute(f"alter table plain.{table} add primary key (lab_id, id)")  # type: ignore[arg-type]
    definitions = link.execute(
        "select pg_get_indexdef(indexrelid) from pg_index where indrelid = %s::regclass and not indisprimary",
        [f"public.{table}"],
    ).fetchall()
    for (definition,) in definitions:
        kind, rest = definition.split(" INDEX ")[0], definition.split(" ON public.")[1]
        link.execute(f"{kind} INDEX ON plain.{rest}")


def _same_references(link: psycopg.Connection, table: str) -> None:
    """Foreign keys as the real table has them: a table written by hand would have them, too."""
    definitions = link.execute(
        "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and contype = 'f'"
        " and confrelid in (select ('public.' || tablename)::regclass from pg_tables where schemaname = 'plain')",
        [f"public.{table}"],
    ).fetchall()
    for name, definition in definitions:
        there = definition.replace(" REFERENCES ", " REFERENCES plain.")
        # Not checked for the rows copied, which the real keys have checked; enforced for new ones.
        link.execute(f'ALTER TABLE plain.{table} ADD CONSTRAINT "{name}" {there} NOT VALID')  # type: ignore[arg-type]


def worklist(lab: UUID) -> Work:
    """Count, page and the practices of the filter."""

    def work(cursor: psycopg.Cursor) -> None:
        _all(cursor, "select count(*) from plain.orders_order where lab_id = %s and state = any(%s)", [lab, _OPEN])
        _all(cursor, """
            select o.id, o.number, o.state, o.due_on, o.order_number, o.number_state, o.kind, o.teeth_text, o.tray,
                   p.name, p.customer_number, o.patient_id, a.pseudonym
            from (select * from plain.orders_order where lab_id = %s and state = any(%s)
                  order by due_on, id limit 25) o
            join plain.practices_practice p on p.lab_id = o.lab_id and p.id = o.practice_id
            left join plain.orders_patient a on a.lab_id = o.lab_id and a.id = o.patient_id
            order by o.due_on, o.id""", [lab, _OPEN])  # fmt: skip
        _all(
            cursor,
            "select id, customer_number, name from plain.practices_practice where lab_id = %s order by name",
            [lab],
        )

    return work


def order_page(lab: UUID, order: UUID) -> Work:
    """The order with practice, dentist and patient; positions, teeth, services, chains, location, history, invoices."""

    def work(cursor: psycopg.Cursor) -> None:
        found = _all(cursor, """
            select o.*, p.name, p.customer_number, d.title, d.first_name, d.last_name, a.name, a.pseudonym, a.birth_date,
                   a.insurance, a.allergies
            from plain.orders_order o
            join plain.practices_practice p on p.lab_id = o.lab_id and p.id = o.practice_id
            left join plain.practices_dentist d on d.lab_id = o.lab_id and d.id = o.dentist_id
            left join plain.orders_patient a on a.lab_id = o.lab_id and a.id = o.patient_id
            where o.lab_id = %s and o.id = %s""", [lab, order])  # fmt: skip
        assert found
        _all(
            cursor,
            "select * from plain.orders_position where lab_id = %s and order_id = %s order by rank, id",
            [lab, order],
        )
        _all(
            cursor, "select tooth, part from plain.orders_ordertooth where lab_id = %s and order_id = %s", [lab, order]
        )
        _all(cursor, "select region, lab_type, place from plain.team_laboratoryprofile where lab_id = %s", [lab])
        _all(cursor, """
            select p.id, p.name from plain.practices_knownlocation k
            join plain.practices_practice p on p.lab_id = k.lab_id and p.id = k.practice_id
            where k.lab_id = %s and k.number = %s order by k.id limit 1""", [lab, "422201"])  # fmt: skip
        _all(
            cursor,
            "select number, text from plain.catalogue_article where lab_id = %s and active order by number",
            [lab],
        )
        _all(
            cursor,
            "select id, name from plain.catalogue_servicechain where lab_id = %s and active order by name",
            [lab],
        )
        _all(cursor, """
            select e.at, e.action, e.changes, c.display_name from plain.protection_entry e
            left join plain.protection_account c on c.lab_id = e.lab_id and c.id = e.actor_id
            where e.lab_id = %s and e.record_id = %s order by e.at desc limit 6""", [lab, order])  # fmt: skip
        _all(cursor, """
            select i.id, i.number, i.kind, i.issued_at, i.invoice_date, i.net_cents, i.gross_cents,
                   exists (select from plain.billing_invoice c where c.lab_id = i.lab_id and c.cancels_id = i.id
                           and c.issued_at is not null)
            from plain.billing_invoice i where i.lab_id = %s and i.order_id = %s order by i.created_at""", [lab, order])  # fmt: skip

    return work


def create_order(lab: UUID, *, trail: bool = False) -> Work:
    """Look everything up, then patient, number, order, tooth and positions. The caller rolls back.

    With `trail`, entries as ours are written too, all at once: what the same duty costs by hand.
    """

    def work(cursor: psycopg.Cursor) -> None:
        practice = _all(
            cursor, "select id from plain.practices_practice where lab_id = %s and customer_number = '1001'", [lab]
        )
        _all(cursor, "select id from plain.practices_dentist where lab_id = %s and practice_id = %s and active limit 2",
             [lab, practice[0][0]])  # fmt: skip
        lines = _all(cursor, """
            select l.art, l.number, l.formula, a.price_cents, a.vat_permille, a.text from plain.catalogue_servicechain c
            join plain.catalogue_chainline l on l.lab_id = c.lab_id and l.chain_id = c.id
            left join plain.catalogue_article a on a.lab_id = l.lab_id and a.id = l.article_id
            where c.lab_id = %s and c.name = 'NEM-Krone, verblendet' order by l.rank""", [lab])  # fmt: skip
        prices = dict(_all(cursor, """
            select p.number, p.cents from plain.catalogue_price p where p.lab_id = %s and p.number = any(%s)
            and p.price_list_id = (select id from plain.catalogue_pricelist where lab_id = %s and state = 'active'
                                   and valid_from <= '2026-11-30' order by valid_from desc limit 1)
            """, [lab, [line[1] for line in lines], lab]))  # fmt: skip
        assert not _all(cursor, "select 1 from plain.orders_patient where lab_id = %s and practice_id = %s and pseudonym = %s",
                        [lab, practice[0][0], "N-1"])  # fmt: skip
        _all(cursor, "select id from plain.orders_order where lab_id = %s and intake_key = %s", [lab, uuid4()])
        patient, order = uuid4(), uuid4()
        cursor.execute("""
            insert into plain.orders_patient (lab_id, id, created_at, changed_at, version, practice_id, name, birth_date,
            pseudonym, insurance, allergies, remarks) values (%s, %s, now(), now(), 1, %s, 'Neu Aufgenommen', '1970-02-01',
            'N-1', 'gkv', '', '')""", [lab, patient, practice[0][0]])  # fmt: skip
        number = _all(cursor, """
            update plain.orders_ordercounter set last = last + 1 where lab_id = %s and year = 2026 returning last""", [lab])  # fmt: skip
        cursor.execute("""
            insert into plain.orders_order (lab_id, id, created_at, changed_at, version, number, practice_id, patient_id,
            order_number, number_state, area, care, kind, shade, tray, teeth_text, received_on, due_on, state, came_from,
            reason, remarks, intake_key) values (%s, %s, now(), now(), 1, %s, %s, %s, '422201-N1-ZE-2026-1-1', 'gueltig',
            'ZE', 'regel', 'NEM-Krone, verblendet', 'A3', '', '14', '2026-11-23', '2026-11-30', 'eingegangen', '', '', '',
            %s)""", [lab, order, f"26-{number[0][0]:05}", practice[0][0], patient, uuid4()])  # fmt: skip
        cursor.execute("insert into plain.orders_ordertooth (lab_id, id, created_at, changed_at, version, order_id, tooth, part)"
                       " values (%s, %s, now(), now(), 1, %s, 14, 'krone')", [lab, uuid4(), order])  # fmt: skip
        cursor.execute("""
            insert into plain.orders_position (lab_id, id, created_at, changed_at, version, order_id, rank, art, number, text,
            price_cents, quantity_milli, vat_permille, tooth, manual)
            select %s, uuidv7(), now(), now(), 1, %s, rank, 'BEL', number, number, cents, 1000, 70, '', false
            from unnest(%s::text[], %s::int[]) with ordinality as line(number, cents, rank)""",
            [lab, order, [line[1] for line in lines], [prices.get(line[1], 0) for line in lines]])  # fmt: skip
        if trail:
            cursor.execute("""
                insert into plain.protection_entry (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, record_id,
                action, changes)
                select uuidv7(), lab_id, clock_timestamp(), null, 'work', '192.0.2.1', 'r', 'row', what, id, 'insert', row
                from (select lab_id, id, 'orders_patient' as what, to_jsonb(t) as row from plain.orders_patient t
                      where lab_id = %s and id = %s
                      union all select lab_id, id, 'orders_order', to_jsonb(t) from plain.orders_order t
                      where lab_id = %s and id = %s
                      union all select lab_id, id, 'orders_ordertooth', to_jsonb(t) from plain.orders_ordertooth t
                      where lab_id = %s and order_id = %s
                      union all select lab_id, id, 'orders_position', to_jsonb(t) from plain.orders_position t
                      where lab_id = %s and order_id = %s)""",
                [lab, patient, lab, order, lab, order, lab, order])  # fmt: skip

    return work


def search(lab: UUID, fragment: str) -> Work:
    """Patients whose name holds the fragment: count and the first 25 with their practice."""

    def work(cursor: psycopg.Cursor) -> None:
        like = f"%{fragment}%"
        _all(cursor, "select count(*) from plain.orders_patient where lab_id = %s and name ilike %s", [lab, like])
        _all(cursor, """
            select a.id, a.pseudonym, a.name, a.birth_date, a.insurance, p.customer_number, p.name
            from (select * from plain.orders_patient where lab_id = %s and name ilike %s order by name, id limit 25) a
            join plain.practices_practice p on p.lab_id = a.lab_id and p.id = a.practice_id
            order by a.name, a.id""", [lab, like])  # fmt: skip

    return work


def _all(cursor: psycopg.Cursor, question: str, arguments: list[Any]) -> list[Any]:
    return cursor.execute(question, arguments).fetchall()  # type: ignore[arg-type]
