"""Guess passwords at the served program: two processes, the real Argon2, many source addresses, forged headers, in
parallel. Counted are the passwords that were compared, the hashes that were computed, and who came in.

In every run 240 guesses, 10,000 in the soak run; the counts are printed.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.authenticator import Authenticator
from harness.entering import add_passkey, events, with_password
from harness.laboratories import nobody_client
from harness.live import COOKIE, Line, LiveServer, running_server

pytestmark = [pytest.mark.slow, pytest.mark.alone]

# A network may try ten times in a minute; fewer networks compute fewer hashes, which is what takes the time.
GUESSES, FROM_EACH = (10_000, 12) if os.environ.get("DENTATOOL_SOAK") else (240, 30)
THREADS = 12
PER_ACCOUNT, PER_PLATFORM = 5, 300  # docs/access.md: in five minutes, in one minute
DEVICE = "__Host-dentatool-device"

# Loaded by each process of the server before everything else: one byte for each hash that is really computed.
COUNTING = """
import argon2.low_level, os
_real = argon2.low_level.hash_secret
def hash_secret(*given, **more):
    file = os.open({file!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, b"x")
    os.close(file)
    return _real(*given, **more)
argon2.low_level.hash_secret = hash_secret
"""


@pytest.fixture
def hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as long as the number of hashes that the server computed."""
    (tmp_path / "sitecustomize.py").write_text(COUNTING.format(file=str(tmp_path / "hashes")))
    monkeypatch.syspath_prepend(tmp_path)  # the server gets this path as its own
    (tmp_path / "hashes").touch()
    return tmp_path / "hashes"


@pytest.fixture
def served(database: dict, hashes: Path, superuser: Any) -> Iterator[LiveServer]:
    superuser.execute("delete from protection_attempt")  # the whole platform is counted
    with running_server("guessing", threads=4, workers=2) as server:
        yield server


def claims(random: Random) -> dict[str, str]:
    """What a client writes who wants to be somebody else each time."""
    address = f"{random.randrange(1, 224)}.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    return {
        "X-Forwarded-For": f"{address}, 127.0.0.1",
        "X-Real-IP": address,
        "Forwarded": f"for={address};proto=https",
        "True-Client-IP": address,
        "CF-Connecting-IP": address,
        "Via": f"1.1 {address}",
    }


def test_guessing_at_the_served_program_is_what_the_rule_allows_and_its_people_still_come_in(
    served, hashes, anna, superuser
):
    names = [anna.owner, anna.technician]
    passkey, at_home = Authenticator(), nobody_client()
    assert add_passkey(anna.client(), passkey).status_code == 302
    with_password(anna.technician, at_home)
    known_device = at_home.cookies[DEVICE].value
    passkey.origin = served.url
    began, random = time.monotonic(), Random(10)

    def guess(place: int) -> int:
        """From the second half on with the right password, which a stranger may have guessed by then."""
        source = f"127.{1 + place // FROM_EACH // 250}.0.{2 + place // FROM_EACH % 250}"
        member, line = names[place % 2], Line(served, source)
        password = member.password if place >= GUESSES // 2 else f"geraten {place}"
        try:
            form = {"name": member.sign_in_name, "password": password}
            answer = line.ask("POST", "/anmelden/", form=form, headers=claims(random))
        finally:
            line.close()
        assert COOKIE not in str(answer.headers.all)
        return answer.status

    def come_in() -> tuple[int, int]:
        """The people themselves, meanwhile: by a known device, and by a passkey."""
        at_work = Line(served, "127.0.0.200")
        form = {"name": anna.technician.sign_in_name, "password": anna.technician.password}
        cookies = {"Cookie": f"__Host-csrf={'c' * 32}; {DEVICE}={known_device}"}
        by_device = at_work.ask("POST", "/anmelden/", form=form, headers=cookies)
        offer = at_work.ask("GET", "/anmelden/passkey/").json()
        form = {"note": offer["note"], "answer": passkey.prove(offer["options"])}
        by_passkey = at_work.ask("POST", "/anmelden/passkey/", form=form)
        at_work.close()
        return by_device.status, by_passkey.status

    with ThreadPoolExecutor(THREADS) as threads:
        guesses = threads.map(guess, range(GUESSES))
        owners = [come_in() for _ in range(4) if not time.sleep(1)]
        answers = Counter(guesses)
    minutes = (time.monotonic() - began) / 60
    computed = hashes.stat().st_size - len(owners)
    compared = {
        what: superuser.execute(
            "select count(*) from protection_entry where lab_id = %s and what = %s", [anna.lab_id, what]
        ).fetchone()[0]
        for what in ("authn_login_fail", "authn_login_lock")
    }
    sys.stderr.write(
        f"{GUESSES} guesses from {-(-GUESSES // FROM_EACH)} addresses in {minutes * 60:.0f} s: {dict(answers)}; passwords"
        f" compared {compared['authn_login_fail']}, hashes {computed}, people who came in {owners}\n"
    )

    assert owners == [(302, 302)] * 4
    assert set(answers) <= {422, 429}
    assert answers[429] >= GUESSES // FROM_EACH * 2  # every address was stopped after its ten
    assert compared["authn_login_fail"] <= len(names) * PER_ACCOUNT * (1 + int(minutes // 5))
    assert computed == answers[422] <= PER_PLATFORM * (1 + int(minutes))
    assert events(anna, "authn_login_lock")
