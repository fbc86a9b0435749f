"""A thief has the backup target, and even the operator's key: nothing of patients or secrets is in it.

A whole installation works, is backed up, and everything in the target is read: closed, and opened with the operator's key
(base backup and log). A thousand invented patients share two rare stems, as in tests/attack/test_atk_16_stolen_database.py.
In `make soak`.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attack.test_atk_16_stolen_database import CONTROL, STEMS, people, spellings
from dentatool.operations.backup.sealing import read_identities, unseal
from harness.backed_up import Installation

SMTP_PASSWORD = "kiesel-morgen-wagen-92"
_PLANT = """
import json, sys
from datetime import date, timedelta
from uuid import UUID
from dentatool.project.instance import start_django
start_django("app")
from dentatool.kit.mail import send
from dentatool.orders.models import Patient
from dentatool.practices.models import Practice
from dentatool.protection.access import Account
from dentatool.protection.access.internal.models import Factor
from dentatool.protection.access.tokens import OFFERED, make_token
from dentatool.protection.tenancy import laboratory
lab, names, control = json.load(sys.stdin)
with laboratory(UUID(lab)):
    practice = Practice.objects.create(customer_number="1", name=control, remarks="")
    patients = [Patient(practice=practice, name=name, remarks=f"Allergie {name}", birth_date=date(1931, 2, 17),
                        pseudonym=f"P{place}") for place, name in enumerate(names)]
    Patient.objects.bulk_create(patients)
    patients[0].name += "-geändert"
    patients[0].save()
    patients[1].delete()
    account = Account.objects.get()
with laboratory(UUID(lab), actor=account.pk):
    seeds = [f"KRZVOWZVPEZXA5DTNRQW{place:04}".replace("0", "A").replace("1", "B").replace("8", "C").replace("9", "D")
             for place in range(10)]
    for seed in seeds:
        Factor.objects.create(account=account, kind="app", label="Handy", secret=seed)
    tokens = [make_token(account.pk, "Praxissoftware", OFFERED, timedelta(days=9))[1] for _ in range(10)]
    links = [f"https://labor.example/einladung/geheim{place}{'x' * 30}/" for place in range(10)]
    for link in links:
        send("team/reset", to="jemand@labor.example", link=link)
print(json.dumps({"seeds": seeds, "tokens": tokens, "links": links}))
"""


@pytest.fixture
def planted(installation: Installation) -> dict[str, list[str]]:
    """Patients, seeds, tokens and messages of one laboratory, made as the program makes them; then backed up twice."""
    made = installation.works(
        "tenant", "create", "Labor Bestohlen", "--region", "BY", "--place", "D-Rosenheim", "--owner", "Clara Kunze",
        "--sign-in", "clara@labor.example",
    )  # fmt: skip
    lab, password = made.split()[2], re.findall(r"Passwort (\S+)", made)[0]
    done = subprocess.run(
        [sys.executable, "-c", _PLANT], input=json.dumps([lab, list(people()), CONTROL]),
        env={
            **installation.run.environment, "DENTATOOL_MAIL_FROM": "dienst@labor.example",
            "DENTATOOL_SMTP_URL": f"smtps://labor:{SMTP_PASSWORD}@localhost:9",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    installation.works("backup", "keygen", "--out", installation.key)
    installation.works("backup", "create", "--full")
    installation.works("backup", "create")
    installation.run.stop()  # the last segment goes into the target
    return {**json.loads(done.stdout), "password": [password], "smtp": [SMTP_PASSWORD]}


def needles(installation: Installation, planted: dict[str, list[str]]) -> Iterator[tuple[str, bytes]]:
    for stem in STEMS:
        for label, needle in spellings(stem):
            yield f"{stem} {label}", needle
    for kind, secrets in planted.items():
        for secret in secrets:
            yield kind, secret.encode()
            yield f"{kind} as UTF-16", secret.encode("utf-16-le")
            yield f"{kind} as hex", secret.encode().hex().encode()
            yield f"{kind} as base64", base64.b64encode(secret.encode())[:-4]
    for seed in planted["seeds"]:
        yield "seed, decoded", base64.b32decode(seed)
    for folder in ("secrets", "keys"):
        for file in sorted((installation.var / folder).glob("*.key")):
            text = file.read_text().strip()
            for word in re.findall(r"[A-Za-z0-9+/=_-]{32,}", text):
                yield f"{file.name}", word.encode()
                if re.fullmatch(r"[0-9a-f]{64}", word):
                    yield f"{file.name}, decoded", bytes.fromhex(word)
                elif word.endswith("="):
                    yield f"{file.name}, decoded", base64.b64decode(word)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("DENTATOOL_SOAK"), reason="a whole installation: in make soak")
def test_a_stolen_backup_holds_no_name_no_seed_no_token_and_no_password(
    installation: Installation, planted: dict[str, list[str]], tmp_path: Path
) -> None:
    identities, _instance = read_identities(installation.key)
    sought = list(needles(installation, planted))
    found, control = [], {"closed": 0, "opened": 0}
    for file in sorted(installation.target.iterdir()):
        closed = file.read_bytes()
        contents = {"closed": closed}
        if file.suffix == ".age":
            opened = bytearray()
            with file.open("rb") as source:
                unseal(source, opened.extend, identities)
            contents["opened"] = bytes(opened)
        for how, content in contents.items():
            control[how] += CONTROL.encode() in content
            found += [(what, how, file.name) for what, needle in sought if needle in content]

    assert control["closed"] == 0 and control["opened"] >= 2, f"the search itself does not find: {control}"
    assert len(sought) > 150
    assert found == []
