"""Rotation of a laboratory's keys: everything readable before, while and after; old keys gone only when nothing names them."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection

from billing.conftest import make_order
from dentatool.protection import key_rotation
from dentatool.protection.key_rotation import destroy_unused, rotate
from dentatool.protection.models import LabKey
from dentatool.protection.tenancy import laboratory
from dentatool.protection.vault import DecryptError, find_sealed
from dentatool.protection.vault.internal import keys
from dentatool.protection.vault.internal.ciphertext import parse, unseal
from dentatool.protection.vault.internal.columns import SealedTable, sealed_tables
from dentatool.protection.vault.internal.rotation import uses, walk
from harness.database import in_role

NOW = timedelta(0)
CALL = "select protection.reseal(%s, %s, %b, %b, %b)"


@pytest.fixture
def issued(anna: Any) -> Any:
    """An invoice that nothing changes any more."""
    from dentatool.billing.actions import draft_invoice, issue_invoice

    with anna.at_work():
        return issue_invoice(draft_invoice(make_order()))


@pytest.fixture
def tables(specimens: Any) -> list[SealedTable]:
    return [*sealed_tables(), *sealed_tables([specimens])]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for other processes: there are none."""
    monkeypatch.setattr(key_rotation, "LEASE_S", 0.0)


@pytest.fixture
def rotated(anna: Any, tables: list[SealedTable], fast: None) -> Callable[..., Any]:
    """Rotate Anna's keys as the command does: in the owner's role."""

    def do(*kinds: str, **options: Any) -> Any:
        with in_role("owner"):
            return rotate(anna.lab_id, kinds or keys.KINDS, tables=tables, **options)

    return do


def versions(rows: Any) -> list[tuple[bytes, bytes]]:
    """(data, index) version of each stored name."""
    return [(raw[4:8], raw[1:2]) for raw in (sealed.raw for sealed in rows.values_list("name_sealed", flat=True))]


def test_every_value_is_sealed_anew_and_none_has_changed(anna: Any, specimens: Any, rotated: Any) -> None:
    with anna.at_work():
        for n in range(30):
            specimens.objects.create(
                name=f"Otto Müller {n}",
                remarks="blau" * n,
                birth_date=date(1980, 1, 1) if n % 2 else None,
                scan=b"x" * n,
            )
        before = list(specimens.objects.order_by("pk").values("pk", "version", "changed_at"))
        old = dict(specimens.objects.values_list("pk", "name_sealed"))

    done = rotated()

    assert (done.versions, done.resumed, done.unreadable) == ({"data": 2, "index": 2, "file": 2}, False, 0)
    with anna.at_work():
        assert list(specimens.objects.order_by("pk").values("pk", "version", "changed_at")) == before
        assert set(versions(specimens.objects)) == {(b"\0\0\0\2", b"\2")}
        assert {
            len(sealed.raw) == len(old[pk].raw) for pk, sealed in specimens.objects.values_list("pk", "name_sealed")
        }
        for n, row in enumerate(sorted(specimens.objects.all(), key=lambda row: int(row.name.split()[-1]))):
            assert (row.name, row.remarks, row.scan) == (f"Otto Müller {n}", "blau" * n, b"x" * n)
            assert row.birth_date == (date(1980, 1, 1) if n % 2 else None)
        assert len(find_sealed(specimens, "name", "Mueller, Otto 7", whole=True)) == 1
        assert len(find_sealed(specimens, "name", "müll", limit=100)) == 30


def test_the_trail_tells_of_the_rotation_and_of_no_changed_record(
    anna: Any, specimens: Any, rotated: Any, superuser: psycopg.Connection
) -> None:
    with anna.at_work():
        specimens.objects.create(name="Otto")
    question = "select what, action, changes from protection_entry where lab_id = %s and at > %s order by at"
    (begun,) = superuser.execute("select clock_timestamp()").fetchone()

    rotated("data")

    entries = superuser.execute(question, [anna.lab_id, begun]).fetchall()
    assert [(what, action) for what, action, _changes in entries] == [
        ("crypt_key_event", ""), ("keys.rotated", ""), ("keys.rotated", "")
    ]  # fmt: skip
    assert entries[-1][2]["values"] >= 1


def test_issued_invoices_are_sealed_anew_as_well_and_say_the_same(
    anna: Any, issued: Any, rotated: Any, superuser: psycopg.Connection
) -> None:
    question = "select snapshot, snapshot_sha256 from billing_invoice where lab_id = %s"
    (before,) = superuser.execute(question, [anna.lab_id]).fetchall()
    with anna.at_work():
        said = issued.__class__.objects.get(pk=issued.pk).snapshot

    rotated()

    (after,) = superuser.execute(question, [anna.lab_id]).fetchall()
    assert (before[0][1:5], after[0][1:5], before[1] == after[1]) == (b"\0\0\0\1", b"\0\0\0\2", True)
    with anna.at_work():
        assert issued.__class__.objects.get(pk=issued.pk).snapshot == said
        from dentatool.billing.queries import chain_faults

        assert list(chain_faults()) == []


def test_closed_reviews_waiting_mail_drafts_and_second_factors_are_sealed_anew_as_well(
    anna: Any, tables: list[SealedTable], rotated: Any, superuser: psycopg.Connection
) -> None:
    from django.utils import timezone

    from dentatool.kit.models import Mail
    from dentatool.protection.models import Draft, Factor
    from dentatool.team.reviews.models import AccessReview, ReviewItem

    now = timezone.now()
    with anna.at_work():
        review = AccessReview.objects.create(due_at=now)
        item = ReviewItem.objects.create(
            review=review, account_id=anna.owner.id, person="Anna Huber", role="Inhaberin", comment="leitet das Labor"
        )
        review.report, review.closed_at = b"%PDF", now
        review.save()
        Mail.objects.create(address="anna@labor.example", subject="Betreff", body="Text")
        Factor.objects.create(account_id=anna.owner.id, kind="totp", label="Handy", secret="JBSWY3DPEHPK3PXP")
        Draft.objects.create(account_id=anna.owner.id, page="/", action="/", fields="name=Otto", expires_at=now)
    filled = {name for name, *_ in _stored_versions(superuser, anna, tables)}

    rotated()

    stored = _stored_versions(superuser, anna, tables)
    assert {name for name, *_ in stored} == filled
    assert filled >= {"team_accessreview", "team_reviewitem", "kit_mail", "protection_factor", "protection_draft"}
    assert {version for _name, version in stored} == {b"\0\0\0\2"}
    with anna.at_work():
        kept = ReviewItem.objects.get(pk=item.pk)
        assert (kept.person, kept.comment, kept.review.report) == ("Anna Huber", "leitet das Labor", b"%PDF")
        assert Mail.objects.latest("created_at").body == "Text"
        assert Factor.objects.get().secret == "JBSWY3DPEHPK3PXP"
        assert Draft.objects.get().fields == "name=Otto"
        kept.comment = "anders"
        with pytest.raises(DatabaseError, match="never changes"):  # the app still cannot
            kept.save()


def _stored_versions(superuser: psycopg.Connection, anna: Any, tables: list[SealedTable]) -> set[tuple[str, bytes]]:
    """Table and key version of every sealed value of Anna's, read without the program."""
    found = set()
    for table in tables:
        for column in table.columns:
            rows = superuser.execute(
                f"select {column} from {table.name} where lab_id = %s and {column} <> ''", [anna.lab_id]
            )
            found |= {(table.name, raw[1:5] if raw[0] == 1 else raw[4:8]) for (raw,) in rows.fetchall()}
    return found


def test_an_old_key_stays_while_the_trail_names_it_and_goes_when_nothing_does(
    anna: Any, specimens: Any, tables: list[SealedTable], rotated: Any, superuser: psycopg.Connection
) -> None:
    with anna.at_work():
        row = specimens.objects.create(name="Otto", scan=b"Bild")
    rotated()

    with in_role("owner"):
        kept = {use.kind: use for use in uses(anna.lab_id, tables) if use.version == 1}
        assert destroy_unused(anna.lab_id, tables=tables) == []  # the time for it has not come
        gone = destroy_unused(anna.lab_id, grace=NOW, tables=tables)
    assert {(use.kind, use.stored) for use in kept.values()} == {("data", 0), ("file", 0)}
    assert min(use.in_trail for use in kept.values()) > 0
    assert gone == [("index", 1)]  # nobody searches in the trail

    superuser.execute("set session_replication_role = replica")
    superuser.execute("delete from protection_entry where lab_id = %s and kind = 'row'", [anna.lab_id])
    superuser.execute("set session_replication_role = origin")
    with in_role("owner"):
        assert destroy_unused(anna.lab_id, grace=NOW, tables=tables) == [("data", 1), ("file", 1)]
    told = superuser.execute(
        "select changes from protection_entry where lab_id = %s and what = 'keys.destroyed' order by at", [anna.lab_id]
    ).fetchall()
    assert [changes for (changes,) in told] == [{"kind": kind, "version": 1} for kind in ("index", "data", "file")]
    with anna.at_work():
        assert sorted(LabKey.objects.values_list("kind", "key_version")) == [("data", 2), ("file", 2), ("index", 2)]
        assert specimens.objects.get(pk=row.pk).name == "Otto"


def test_what_a_destroyed_key_has_sealed_is_not_readable_and_ends_no_page(
    anna: Any, specimens: Any, tables: list[SealedTable], rotated: Any, superuser: psycopg.Connection
) -> None:
    from harness.specimen import overwrite

    with anna.at_work():
        row = specimens.objects.create(name="Otto")
        old = specimens.objects.values_list("name_sealed", flat=True).get(pk=row.pk).raw
    rotated()
    superuser.execute("delete from protection_labkey where lab_id = %s and key_version = 1", [anna.lab_id])
    keys.forget_keys()
    overwrite(superuser, row.pk, name=old)

    with anna.at_work():
        with pytest.raises(DecryptError, match="unbekannte Schlüsselfassung"):
            _ = specimens.objects.get(pk=row.pk).name
        with DecryptError.shown():
            assert specimens.objects.get(pk=row.pk).name == "nicht lesbar"
    assert rotated().unreadable == 1  # and the next rotation says so, and goes on


def test_a_rotation_that_stopped_half_way_is_taken_up_with_the_same_versions(
    anna: Any, specimens: Any, rotated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with anna.at_work():
        for n in range(5):
            specimens.objects.create(name=f"Otto {n}")
    real, seen = walk, []

    def ends_early(*_: Any, **__: Any) -> None:
        seen.append("begun")
        raise KeyboardInterrupt

    monkeypatch.setattr(key_rotation, "walk", ends_early)
    with pytest.raises(KeyboardInterrupt):
        rotated("data", "index")
    with anna.at_work():
        new = specimens.objects.create(name="Neu")
        assert new.name_sealed.raw[4:8] == b"\0\0\0\2"  # from the beginning
        assert {row.name for row in specimens.objects.all()} == {"Neu", *(f"Otto {n}" for n in range(5))}
        assert len(find_sealed(specimens, "name", "Otto 3", whole=True)) == 1
        assert len(find_sealed(specimens, "name", "Neu", whole=True)) == 1

    monkeypatch.setattr(key_rotation, "walk", real)
    done = rotated("file")  # whatever is asked for: first what was begun

    assert (done.resumed, done.versions) == (True, {"data": 2, "index": 2})
    with anna.at_work():
        assert set(versions(specimens.objects)) == {(b"\0\0\0\2", b"\2")}


def test_a_change_that_somebody_makes_meanwhile_stays(
    anna: Any, specimens: Any, tables: list[SealedTable], rotated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dentatool.protection.vault.internal import rotation

    with anna.at_work():
        row, other = specimens.objects.create(name="Otto"), specimens.objects.create(name="Anna")
    store, changed = rotation._store, []

    def slowly(*given: Any) -> None:
        if not changed:  # between reading and writing, from another connection
            changed.append(in_another_connection(anna.lab_id, specimens, row.pk, "Ottilie"))
        store(*given)

    monkeypatch.setattr(rotation, "_store", slowly)
    rotated("data")

    assert changed
    with anna.at_work():
        assert {row.name for row in specimens.objects.all()} == {"Ottilie", "Anna"}
        assert set(versions(specimens.objects)) == {(b"\0\0\0\2", b"\1")}
        assert specimens.objects.get(pk=row.pk).version == 2
        assert specimens.objects.get(pk=other.pk).version == 1


def test_what_was_loaded_before_brings_no_old_ciphertext_back(anna: Any, specimens: Any, rotated: Any) -> None:
    with anna.at_work():
        specimens.objects.create(name="Otto", remarks="blau")
        loaded = specimens.objects.get()
    rotated("data", "index")

    with anna.at_work():
        loaded.name, loaded.box = "Otto", "7"  # as a form assigns everything
        loaded.save()

        stored = specimens.objects.get()
        assert (stored.name, stored.remarks, stored.box) == ("Otto", "blau", "7")
        assert versions(specimens.objects) == [(b"\0\0\0\2", b"\2")]
        assert stored.remarks_sealed.raw[1:5] == b"\0\0\0\2"


def test_a_process_that_still_has_the_old_key_learns_of_the_new_one_when_it_meets_it(
    anna: Any, specimens: Any, rotated: Any
) -> None:
    with anna.at_work():
        specimens.objects.create(name="Otto")
        held = dict(keys._ring._held)  # what another process remembers
    rotated("data")
    keys._ring._held.clear()
    keys._ring._held.update(held)

    with anna.at_work():
        assert keys.newest_key(anna.lab_id, "data").version == 1
        assert specimens.objects.get().name == "Otto"  # an unknown version is fetched
        assert keys.newest_key(anna.lab_id, "data").version == 2


def test_two_commands_are_not_at_the_same_keys(anna: Any, rotated: Any, database: dict) -> None:
    from harness.database import connect_as

    with connect_as(database, "owner", autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [int.from_bytes(anna.lab_id.bytes[8:], "big", signed=True)])
        with pytest.raises(key_rotation.Busy):
            rotated("data")


def test_of_berts_values_none_is_touched(anna: Any, bert: Any, specimens: Any, rotated: Any) -> None:
    with bert.at_work():
        specimens.objects.create(name="Bodo")
        before = specimens.objects.get().name_sealed.raw
    rotated()

    with bert.at_work():
        assert specimens.objects.get().name_sealed.raw == before


def test_who_stole_the_old_keys_opens_nothing_of_the_tables_any_more(
    anna: Any, specimens: Any, tables: list[SealedTable], rotated: Any, superuser: psycopg.Connection
) -> None:
    def opened(stolen: list[keys.Key]) -> int:
        """How many of Anna's stored values some of these keys open."""
        count = 0
        for table in tables:
            for field in table.fields:
                rows = superuser.execute(
                    f"select id, {field.column} from {table.name} where lab_id = %s", [anna.lab_id]
                )
                for row_id, raw in rows.fetchall():
                    for key in stolen if raw else []:
                        try:
                            unseal(key.cipher, parse(raw), field.place, anna.lab_id, row_id)
                        except DecryptError:
                            continue
                        count += 1
        return count

    with anna.at_work():
        for n in range(10):
            specimens.objects.create(name=f"Otto {n}", scan=b"Bild")
        stolen = [keys.newest_key(anna.lab_id, kind) for kind in ("data", "file")]
    before = opened(stolen)

    rotated()

    assert before >= 20
    assert opened(stolen) == 0
    with anna.at_work():
        assert opened([keys.newest_key(anna.lab_id, kind) for kind in ("data", "file")]) == before


def test_a_stolen_database_names_nobody_after_a_rotation(
    anna: Any, specimens: Any, rotated: Any, superuser: psycopg.Connection
) -> None:
    with anna.at_work():
        specimens.objects.create(name="Ottokar Zweigelt", remarks="Ottokar Zweigelt", scan=b"Ottokar Zweigelt")
    rotated()

    tables = superuser.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'protection')"
    ).fetchall()
    for (table,) in tables:
        for needle in ("Ottokar", "Zweigelt", b"Ottokar Zweigelt".hex(), "4f74746f6b6172"):
            found = superuser.execute(
                f"select count(*) from {table} t where t::text ilike %s", [f"%{needle}%"]
            ).fetchone()
            assert found == (0,), (table, needle)


@pytest.mark.parametrize("role", ["app", "worker"])
def test_neither_app_nor_worker_can_seal_anew(anna: Any, specimens: Any, role: str) -> None:
    with anna.at_work():
        row = specimens.objects.create(name="Otto")
        raw = row.name_sealed.raw
    with in_role(role):
        for attempt in ("select protection.reseal('vault_specimen', '{name}', %b, %b, %b)", "set role dentatool_keys"):
            arguments = [[row.pk], [raw], [raw]] if "%b" in attempt else []
            with pytest.raises((DatabaseError, psycopg.Error), match="permission denied"), laboratory(anna.lab_id):
                psycopg.Cursor(connection.connection).execute(attempt, arguments)


def test_even_the_owner_gets_nothing_past_it_but_a_value_of_the_same_shape_under_a_key_in_use(
    anna: Any, bert: Any, specimens: Any, rotated: Any
) -> None:
    with bert.at_work():
        theirs = specimens.objects.create(name="Bodo")
    with anna.at_work():
        row = specimens.objects.create(name="Otto", remarks="blau")
        old = specimens.objects.get(pk=row.pk)
    was, said = old.name_sealed.raw, old.remarks_sealed.raw
    rotated("data")
    with anna.at_work():
        now = specimens.objects.get(pk=row.pk).name_sealed.raw
        remarks = specimens.objects.get(pk=row.pk).remarks_sealed.raw

    def tried(
        columns: list[str], ids: list[Any], before: list[Any], after: list[Any], table: str = "vault_specimen"
    ) -> int:
        with in_role("owner"), laboratory(anna.lab_id):
            return (
                psycopg.Cursor(connection.connection).execute(CALL, [table, columns, ids, before, after]).fetchone()[0]
            )

    for after in (was, now[:-1], now + b"x", b"\1" + now[1:], now[:4] + b"\0\0\0\3" + now[8:], b"Klartext", b""):
        with pytest.raises(psycopg.Error, match="no value sealed anew"):
            tried(["name"], [row.pk], [now], [after])
    with pytest.raises(psycopg.Error, match="no value sealed anew"):
        tried(["name", "remarks"], [row.pk], [now], [now])
    for table, column in (
        ("vault_specimen", "box"),
        ("vault_specimen", "lab_id"),
        ("protection_labkey", "wrapped"),
        ("protection_entry", "changes"),
    ):
        with pytest.raises(psycopg.Error, match=r"permission denied|operator does not exist|cannot be matched"):
            tried([column], [row.pk], [now], [now], table)
    assert tried(["remarks"], [row.pk], [said], [remarks]) == 0  # not what stands there
    theirs_anew = theirs.name_sealed.raw[:4] + now[4:8] + theirs.name_sealed.raw[8:]
    assert tried(["name"], [theirs.pk], [theirs.name_sealed.raw], [theirs_anew]) == 0  # another laboratory's
    with anna.at_work():
        assert specimens.objects.get(pk=row.pk).name == "Otto"
    with pytest.raises(psycopg.Error, match=r"no pass|no value"), in_role("owner"):
        psycopg.Cursor(_connected()).execute(CALL, ["vault_specimen", ["name"], [uuid4()], [now], [now]])


def _connected() -> Any:
    connection.ensure_connection()
    return connection.connection


def in_another_connection(lab_id: Any, specimens: Any, row_id: Any, name: str) -> bool:
    """A request that changes the name, beside ours."""
    import threading

    def work() -> None:
        try:
            with laboratory(lab_id):
                row = specimens.objects.get(pk=row_id)
                row.name = name
                row.save()
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return True
