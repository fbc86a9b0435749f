"""A row comes back whose key was destroyed since: the key of that time comes back with it, and the next rotation lets it go."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.one_laboratory import bring_back
from dentatool.practices.models import Practice
from dentatool.protection import key_rotation
from dentatool.protection.key_rotation import destroy_unused, rotate
from dentatool.protection.models import LabKey
from dentatool.protection.vault.internal import keys
from harness.database import in_role

TABLES = ("practices_practice", "protection_labkey")


@pytest.fixture
def then(superuser: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A database beside ours, with the two tables as a restored one has them."""
    name = f"then_{uuid4().hex}"
    superuser.execute(f"create database {name}")
    link = psycopg.connect(superuser.info.dsn, password=superuser.info.password, dbname=name, autocommit=True)
    for table in TABLES:
        columns = superuser.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass"
            " and attnum > 0 and not attisdropped order by attnum", [table],
        ).fetchall()  # fmt: skip
        link.execute(f"create table {table} ({', '.join(f'{column} {kind}' for column, kind in columns)})")
    yield link
    link.close()
    superuser.execute(f"drop database {name}")


def keep(superuser: psycopg.Connection, then: psycopg.Connection, lab_id: Any) -> None:
    """The backup of this moment."""
    for table in TABLES:
        for row in superuser.execute(f"select * from {table} where lab_id = %s", [lab_id]).fetchall():
            then.execute(f"insert into {table} values ({', '.join(['%s'] * len(row))})", row)


def test_what_was_sealed_with_a_destroyed_key_is_readable_again(
    anna: Any, superuser: psycopg.Connection, then: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "LEASE_S", 0.0)
    with anna.at_work():
        practice = Practice.objects.create(
            customer_number="1", name="Praxis", street="Markt 1", postcode="83022", city="Ulm", remarks="ruft nachts an"
        )
    pk = practice.pk
    keep(superuser, then, anna.lab_id)
    with anna.at_work():
        practice.delete()
    superuser.execute("set session_replication_role = replica")
    superuser.execute("delete from protection_entry where lab_id = %s", [anna.lab_id])  # ten years later
    superuser.execute("set session_replication_role = origin")
    with in_role("owner"):
        rotate(anna.lab_id)
        assert len(destroy_unused(anna.lab_id, grace=timedelta(0))) == 3
    missing = {"practices_practice": [pk]}

    then.execute("update protection_labkey set wrapped = wrapped || '\\x00' where kind = 'data'")
    with in_role("worker"), pytest.raises(BackupError, match="Hauptschlüssel von damals"):
        bring_back(then, anna.lab_id, missing, datetime.now(UTC))
    then.execute("update protection_labkey set wrapped = substr(wrapped, 1, length(wrapped) - 1) where kind = 'data'")
    with in_role("worker"):
        assert bring_back(then, anna.lab_id, missing, datetime.now(UTC)) == 1

    keys.forget_keys()
    with anna.at_work():
        assert Practice.objects.get(pk=pk).remarks == "ruft nachts an"
        assert LabKey.objects.count() == 6
        assert keys.newest_key(anna.lab_id, "data").version == 2  # the old one opens, and seals nothing
    with in_role("owner"):
        done = rotate(anna.lab_id)
    assert (done.resumed, done.rows) == (True, 1)
    with anna.at_work():
        assert Practice.objects.get(pk=pk).remarks_sealed.raw[1:5] == b"\0\0\0\2"
