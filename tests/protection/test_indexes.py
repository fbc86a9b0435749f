"""Which indexes the tables have: the planner may know nothing of columns, so none of them may lead it astray."""

from dentatool.protection.tenancy.internal.shield import protect_database
from harness.database import in_role

INDEXES = """
    select rel.relname, idx.relname as name, i.indisunique, i.indpred is not null as partial,
           array(select a.attname::text from unnest(i.indkey) with ordinality as k (number, place)
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number order by place) as columns
    from pg_index i join pg_class rel on rel.oid = i.indrelid join pg_class idx on idx.oid = i.indexrelid
    where rel.relnamespace = 'public'::regnamespace"""


def test_no_index_stands_beside_a_wider_one_that_begins_like_it(superuser):
    """It would be taken for the wider one's questions: for one patient's number all patients of the practice were read."""
    found = superuser.execute(INDEXES).fetchall()

    beside = [
        (name, wider)
        for table, name, unique, _partial, columns in found
        for other_table, wider, _unique, partial, more in found
        if (table, columns) == (other_table, more[: len(columns)]) and name != wider and not (unique or partial)
    ]
    # What is open, by its day: a tenth of the whole, and only for statements that say so themselves.
    assert beside == [("order_open_by_due", "order_by_due")]


def test_each_foreign_key_begins_an_index(superuser):
    """Without one PostgreSQL reads a whole table before it deletes a row that the table could refer to."""
    begun = {
        (table, *columns[:2]) for table, _name, _unique, partial, columns in superuser.execute(INDEXES) if not partial
    }
    keys = superuser.execute(
        "select rel.relname, array(select a.attname::text from unnest(c.conkey) with ordinality as k (number, place)"
        " join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number order by place)"
        " from pg_constraint c join pg_class rel on rel.oid = c.conrelid"
        " where c.contype = 'f' and rel.relnamespace = 'public'::regnamespace"
    ).fetchall()

    assert len(keys) > 30
    assert [(table, *columns) for table, columns in keys if (table, *columns) not in begun] == []


def test_a_narrow_index_of_an_older_version_goes_with_the_next_migration(superuser):
    narrow = "orders_patient_practice_id_same_lab_idx"
    superuser.execute(f"create index {narrow} on orders_patient (lab_id, practice_id)")

    with in_role("owner"):
        protect_database()

    assert superuser.execute("select to_regclass(%s)", [f"public.{narrow}"]).fetchone() == (None,)
