"""Anna's technician leaves at noon. The database is set back to eleven: he stays outside, and so does everything else."""

import json
import os
import shutil
import time

import pytest

from dentatool.operations.backup.memory import state
from harness.backed_up import Installation
from harness.live import COOKIE, Line, LiveServer

pytestmark = pytest.mark.slow

BEGIN = """
from dentatool.project.instance import start_django
start_django("app")
from uuid import UUID
from datetime import timedelta
from django.utils import timezone
from dentatool.protection.tenancy import laboratory
from dentatool.protection.access.internal.models import *
from dentatool.protection.access.internal.hashing import hash_password
from dentatool.protection.access import tokens, sessions
from dentatool.protection.access.internal.roles import Permission
with laboratory(UUID({lab!r})):
    people = {{account.role: account for account in Account.objects.all()}}
    owner, technician, courier = (people.get(role) for role in ("owner", "technician", "courier"))
"""
EARLIER = """
    technician, courier = (
        Account.create(display_name=role, sign_in_name=f"{role}@anna.example", role=role, password="ein altes Passwort 26")
        for role in ("technician", "courier"))
    token, _ = tokens.make_token(owner.pk, "Scanner", [Permission.API_USE, Permission.ORDERS_VIEW], timedelta(days=9))
    other, _ = tokens.make_token(owner.pk, "Fräse", [Permission.API_USE, Permission.ORDERS_VIEW], timedelta(days=9))
    Factor.objects.create(account=technician, kind="app", label="Handy", secret="JBSWY3DPEHPK3PXP")
    Factor.objects.create(account=courier, kind="app", label="Handy", secret="JBSWY3DPEHPK3PXQ")
    AccessLink.objects.create(account=courier, purpose="reset", token_hash=b"x" * 32,
                              expires_at=timezone.now() + timedelta(hours=1))
    LaboratoryRole.objects.create(key="helper", name="Hilfe", permissions=["orders:view", "orders:change"])
    print(token.pk)
"""
LATER = """
    tokens.end_token(owner.pk, tokens.tokens_of(owner.pk)[-1].pk)
    Account.objects.filter(pk=technician.pk).update(active=False)
    sessions.end_everything_of(technician.pk, "deactivated")
    Factor.objects.filter(account=courier).delete()
    Account.objects.filter(pk=courier.pk).update(role="reader")
    Account.objects.filter(pk=owner.pk).update(
        password_hash=hash_password("vier lange neue Wörter 26", bytes(owner.sign_in_key)))
    LaboratoryRole.objects.update(permissions=["orders:view"])
    Account.create(display_name="Neu", sign_in_name="neu@anna.example", role="technician", password="drei neue Wörter 2026")
"""


OLD = "ein altes Passwort 26"


def laboratory(installation: Installation, name: str) -> tuple[str, str]:
    """A new one; its id and its owner's password."""
    told = installation.works(
        "tenant", "create", f"Labor {name}", "--region", "BY", "--place", "D-München", "--owner", f"{name} Muster",
        "--sign-in", f"{name.lower()}@labor.example",
    )  # fmt: skip
    return told.split("angelegt: ")[1].split()[0], told.split("Passwort ")[1].split()[0]


def sign_in(installation: Installation, name: str, password: str) -> bool:
    """By the page, over TLS."""
    line = Line(LiveServer(installation.run.port, installation.run.log))
    answer = line.ask("POST", "/anmelden/", form={"name": name, "password": password})
    line.close()
    return answer.status == 302 and COOKIE in str(answer.headers.all)


def test_who_was_shut_out_since_stays_outside(installation: Installation) -> None:
    installation.works("backup", "keygen", "--out", installation.key)
    anna, password = laboratory(installation, "Anna")
    bert, _ = laboratory(installation, "Bert")
    (token,) = installation.as_the_app(BEGIN.format(lab=anna) + EARLIER).split()
    assert sign_in(installation, "technician@anna.example", OLD) and sign_in(
        installation, "anna@labor.example", password
    )
    installation.works("backup", "create", "--full")
    with installation.superuser() as link:
        ((eleven,),) = link.execute("select clock_timestamp()").fetchall()
        time.sleep(0.1)
        installation.as_the_app(BEGIN.format(lab=anna) + LATER)
        others = link.execute(
            "select to_jsonb(a) from protection_account a where lab_id = %s order by id", [bert]
        ).fetchall()
    installation.archive()
    how = ("restore", "--to", eleven.isoformat(), "--identity", installation.key, "--into")
    back, again = installation.base / "back", installation.base / "again"

    assert "endet beim nächsten Start darin wieder" in installation.works(*how, back)
    installation.run.stop()
    told = installation.works(*how, again)  # nothing runs: read from the newest state in the target
    assert "steht im neuesten Stand des Ziels" in told
    assert json.loads((back / "ended-since.json").read_text()) == json.loads((again / "ended-since.json").read_text())
    shutil.rmtree(again.resolve())
    home = installation.var / "postgres"
    home.rename(installation.base / "before")
    back.rename(home)

    assert state(installation.var).ok is False and "ist wiederhergestellt" in state(installation.var).found
    installation.restart()
    assert "Nach der Wiederherstellung wieder beendet" in installation.run.log.read_text()
    assert not (home / "ended-since.json").exists()

    assert not sign_in(installation, "technician@anna.example", OLD)
    assert not sign_in(installation, "anna@labor.example", password)
    assert not sign_in(installation, "neu@anna.example", "drei neue Wörter 2026")
    assert sign_in(installation, "anna@labor.example", "vier lange neue Wörter 26")
    with installation.superuser() as link:

        def ask(question: str) -> list:
            return [value for (value,) in link.execute(question, [anna]).fetchall()]  # type: ignore[arg-type]

        assert ask("select id::text from protection_apitoken where lab_id = %s and ended_at is not null") == [token]
        assert len(ask("select id from protection_apitoken where lab_id = %s and ended_at is null")) == 1
        assert ask("select count(*) from protection_factor where lab_id = %s") == [1]  # the technician's, who is out
        assert ask("select permissions from protection_laboratoryrole where lab_id = %s") == [["orders:view"]]
        assert ask("select count(*) from protection_accesslink where lab_id = %s and used_at is null") == [0]
        assert sorted(ask("select role from protection_account where lab_id = %s and active")) == ["owner", "reader"]
        assert ask("select count(*) from protection_entry where lab_id = %s and what = 'restore_done'") == [
            1
        ]  # in Anna's trail, with how many
        now = link.execute("select to_jsonb(a) from protection_account a where lab_id = %s order by id", [bert])
        assert now.fetchall() == others
    (home / "ended-since.json").write_text("{}")  # as where the parts are started one by one, and nobody has migrated
    for part in ("serve", "worker"):
        assert "Zuerst: dentatool migrate" in installation.refused(part)


@pytest.mark.skipif(not os.environ.get("DENTATOOL_SOAK"), reason="an installation of its own: in `make soak`")
def test_where_the_later_state_is_lost_it_is_refused_until_somebody_says_so(installation: Installation) -> None:
    installation.works("backup", "keygen", "--out", installation.key)
    installation.works("backup", "create", "--full")
    with installation.superuser() as link:
        ((moment,),) = link.execute("select clock_timestamp()").fetchall()
        link.execute("create table later (n int)")
        link.execute("select pg_switch_wal()")
        link.execute("create table last (n int)")
    installation.works("backup", "create", "--full")
    installation.run.stop()
    entries = {
        path: json.loads(path.read_text().splitlines()[0]) for path in sorted(installation.target.glob("*.json"))
    }
    (needed,) = [entry["facts"]["wal_last"] for entry in entries.values() if entry["kind"] == "full"][1:]
    for path, entry in entries.items():  # without this segment the newest backup is worth nothing
        if entry["facts"].get("name") == needed:
            path.unlink()
    how = ("restore", "--to", moment.isoformat(), "--identity", installation.key, "--into", installation.base / "back")

    told = installation.refused(*how)
    assert "--as-then" in told
    assert not (installation.base / "back").exists()

    assert "Konten und Rechte sind wie damals" in installation.works(*how, "--as-then")
    assert not (installation.base / "back/ended-since.json").exists()
