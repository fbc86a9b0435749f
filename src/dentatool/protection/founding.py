"""A new laboratory: the one row that the app's own role can never write, and its keys."""

import json
from pathlib import Path
from uuid import UUID

import psycopg
from django.conf import settings

from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import laboratory
from dentatool.protection.tenancy.internal.passes import Pass, sign
from dentatool.protection.tenancy.internal.record import new_id
from dentatool.protection.vault.internal.keys import KINDS, create_key_ring


def found_laboratory(owner: psycopg.Connection, name: str) -> UUID:
    """Add a laboratory through a connection in the owner's role, with a key ring; its id.

    Everything else that belongs to it is written afterwards under its own pass.
    """
    lab_id = new_id()
    with owner.transaction():
        signed = sign(Pass(lab_id), backend_pid=owner.info.backend_pid)
        owner.execute("select set_config('dentatool.pass', %s, true)", [signed])
        owner.execute(
            "insert into public.protection_laboratory (id, name, idle_minutes, active, created_at)"
            " values (%s, %s, 15, true, now())",
            [lab_id, name],
        )
    with laboratory(lab_id):
        create_key_ring(lab_id)
        record_event("crypt_key_event", kind=", ".join(KINDS), version=1)
    return lab_id


def declare_demo(owner: psycopg.Connection) -> None:
    """Say in the database that it holds invented laboratories: such a one never serves as production."""
    owner.execute("update protection.environment set demo = true")


def connect_as_owner() -> psycopg.Connection:
    """A connection in the owner's role, for commands on the server; pages never hold one."""
    return connect_as("owner")


def connect_as(role: str) -> psycopg.Connection:
    """A connection of its own in one of the installation's roles."""
    facts = json.loads(Path(settings.DENTATOOL_DB_FILE).read_text())
    login = facts["roles"][role]
    return psycopg.connect(
        host=facts["host"],
        port=facts["port"],
        dbname=settings.DATABASES["default"]["NAME"],
        user=login["user"],
        password=login["password"],
        sslmode=facts.get("sslmode", "prefer"),
        autocommit=True,
    )
