"""ATK-33: find out by words, headers, statements or time whether a sign-in name exists. Sign-in and forgotten password.

Measured alternately on one connection to the served program's own code, without a network between. The statistic: for
each kind of name against the unknown one, the medians differ by less than 5 ms, or Mann-Whitney's two-sided test
gives p > 0.01. 500 samples of each in the soak run, fewer in every other.
"""

import logging
import math
import os
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from harness.laboratories import nobody_client

SAMPLES = 500 if os.environ.get("DENTATOOL_SOAK") else 8
MOST_DIFFERENCE_S, LEAST_P = 0.005, 0.01
KINDS = ("unknown", "known", "two laboratories", "deactivated", "locked")
PAGES = {"sign-in": "/anmelden/", "reset": "/anmelden/passwort-vergessen/"}


@pytest.fixture(autouse=True)
def quiet():
    """Django notes every refused request; thousands of them would bury what was measured."""
    log = logging.getLogger("django.request")
    log.setLevel(logging.ERROR)
    yield
    log.setLevel(logging.NOTSET)


@pytest.fixture
def names(anna, bert, superuser):
    """One sign-in name of each kind."""
    from dentatool.protection.access import Account
    from dentatool.protection.access.internal.limits import ACCOUNT
    from dentatool.protection.access.internal.models import sign_in_key
    from dentatool.protection.tenancy import laboratory

    shared = f"beide.{uuid4().hex}@labor.example"
    for lab in (anna, bert):
        with laboratory(lab.lab_id):
            Account.create(
                display_name="Zwei Labore", sign_in_name=shared, role="reader", password="Ulme-Kante-91-Brot"
            )
    with laboratory(anna.lab_id):
        Account.objects.filter(pk=anna.technician.id).update(active=False)
    found = {
        "unknown": f"niemand.{uuid4().hex}@labor.example",
        "known": anna.owner.sign_in_name,
        "two laboratories": shared,
        "deactivated": anna.technician.sign_in_name,
        "locked": anna.courier.sign_in_name,
    }
    superuser.execute(
        "insert into protection_attempt values (%s, 0, now(), 1, now() + interval '1 hour')",
        [ACCOUNT.of(sign_in_key(found["locked"])).id],
    )
    return found


def sign_in(name: str, password: str = "falsch-und-lang-genug", client: Any = None) -> Any:
    return (client or nobody_client()).post("/anmelden/", {"name": name, "password": password})


def ask(page: str, name: str) -> Any:
    sent = {"name": name, "password": "falsch-und-lang-genug"} if page == "sign-in" else {"name": name}
    return nobody_client().post(PAGES[page], sent)


def shown(answer: Any, name: str) -> tuple[Any, ...]:
    """An answer without what differs from request to request."""
    body = answer.content.decode().replace(name, "NAME")
    body = re.sub(r'nonce="[^"]*"|value="\w{64}"|\b[0-9a-f]{32}\b', "", body)
    headers = {
        key: value for key, value in answer.headers.items() if key not in ("Content-Security-Policy", "Content-Length")
    }
    return answer.status_code, headers, body, sorted(answer.cookies)


@pytest.mark.parametrize("page", PAGES)
def test_answers_are_alike_to_the_letter(names, page):
    unknown = shown(ask(page, names["unknown"]), names["unknown"])

    for kind in KINDS[1:]:
        assert shown(ask(page, names[kind]), names[kind]) == unknown, kind


def test_even_the_right_password_of_a_deactivated_or_locked_account_looks_wrong(anna, names):
    unknown = shown(ask("sign-in", names["unknown"]), names["unknown"])

    for kind, member in (("deactivated", anna.technician), ("locked", anna.courier)):
        assert shown(sign_in(names[kind], member.password), names[kind]) == unknown


@pytest.mark.parametrize("page", PAGES)
def test_the_same_statements_are_asked_and_the_same_hashes_computed(names, page, monkeypatch):
    from dentatool.protection.access.internal import hashing

    hashes = Counter()
    real = hashing.hash_secret
    monkeypatch.setattr(hashing, "hash_secret", lambda *a, **k: hashes.update(["one"]) or real(*a, **k))

    def cost(name: str) -> tuple[list[str], int]:
        hashes.clear()
        with CaptureQueriesContext(connection) as asked:
            ask(page, name)
        return [re.sub(r"'[^']*'|\\x[0-9a-f]+|E?\d+", "?", query["sql"].split("(")[0]) for query in asked], hashes[
            "one"
        ]

    unknown = cost(names["unknown"])
    assert (len(unknown[0]), unknown[1]) == ((3, 1) if page == "sign-in" else (2, 0))
    for kind in KINDS[1:]:
        assert cost(names[kind]) == unknown, kind


def test_only_who_exists_and_is_active_gets_an_e_mail(names, superuser, database):
    from harness.database import connect_as

    with connect_as(database, "worker", autocommit=True) as worker:  # what other tests asked for
        worker.execute("select * from protection.door_take_reset_requests()")
    for name in names.values():
        ask("reset", name)

    with connect_as(database, "worker", autocommit=True) as worker:
        taken = worker.execute("select * from protection.door_take_reset_requests()").fetchall()

    assert len(taken) == 1 + 2 + 1  # the known one, one in each laboratory, and the locked one, whose way out this is


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("page", PAGES)
def test_nobody_can_tell_by_the_clock(names, page, superuser):
    """A busy machine makes one measurement in a hundred look different by chance; a real difference stays."""
    for name in names.values():
        ask(page, name)  # warm
    for _attempt in (1, 2, 3):
        differences = measured(names, page, superuser)
        for line in differences:
            sys.stderr.write(f"{page}, {line}\n")
        if all(line.is_alike for line in differences):
            return
    pytest.fail(f"after three measurements: {'; '.join(map(str, differences))}")


@dataclass(frozen=True)
class Difference:
    """One kind of name against the unknown one."""

    kind: str
    samples: int
    seconds: float
    p: float

    @property
    def is_alike(self) -> bool:
        return self.seconds < MOST_DIFFERENCE_S or self.p > LEAST_P

    def __str__(self) -> str:
        return f"{self.kind}: {self.samples} samples, medians differ by {self.seconds * 1000:.2f} ms, p = {self.p:.3f}"


def measured(names: dict[str, str], page: str, superuser: Any) -> list[Difference]:
    """Each kind in turn, beginning with another one in every round."""
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for round_number in range(SAMPLES):
        superuser.execute("delete from protection_attempt where blocked_until is null")  # only the locked one is locked
        for place in range(len(KINDS)):
            kind = KINDS[(place + round_number) % len(KINDS)]
            began = time.perf_counter()
            ask(page, names[kind])
            taken[kind].append(time.perf_counter() - began)
    unknown = taken.pop("unknown")
    return [
        Difference(kind, len(times), abs(median(times) - median(unknown)), mann_whitney(times, unknown))
        for kind, times in taken.items()
    ]


def mann_whitney(one: list[float], other: list[float]) -> float:
    """Two-sided p of the rank-sum test, by the normal approximation (times do not tie)."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_value, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def test_the_statistic_sees_a_difference_where_there_is_one():
    assert mann_whitney([1.0 + i / 100 for i in range(50)], [1.0 + i / 100 for i in range(50)]) > 0.8
    assert mann_whitney([1.0 + i / 100 for i in range(50)], [1.3 + i / 100 for i in range(50)]) < 0.001
