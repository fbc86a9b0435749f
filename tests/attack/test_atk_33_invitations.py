"""ATK-33: inviting somebody, or trying a link, tells nothing of people elsewhere. 100 samples of each kind, shuffled
(500 with DENTATOOL_SOAK=1).

Statistic: the medians of any two kinds differ by less than 5 ms or by less than 5 %, whichever is more; text, status and
headers are alike to the byte.
"""

import os
import random
import statistics
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from dentatool.protection.access import Account
from dentatool.protection.access.internal.models import AccessLink
from dentatool.protection.tenancy import laboratory
from harness.laboratories import nobody_client
from pages.test_matrix import shown

pytestmark = [pytest.mark.slow, pytest.mark.alone]
SAMPLES = 500 if os.environ.get("DENTATOOL_SOAK") else 100


def measured(kinds, ask):
    """Each kind's answers and its median in ms, asked in random order."""
    order = [(kind, subject) for kind, subjects in kinds.items() for subject in subjects]
    random.Random(34).shuffle(order)
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    answers: dict[str, set] = {kind: set() for kind in kinds}
    for kind, subject in order:
        begun = time.perf_counter()
        answer = ask(kind, subject)
        took[kind].append((time.perf_counter() - begun) * 1000)
        answers[kind].add(repr(answer))
    return answers, {kind: statistics.median(times) for kind, times in took.items()}


def assert_alike(answers, medians):
    everything = set().union(*answers.values())
    assert len(everything) == 1, f"{len(everything)} different answers"
    allowed = max(5.0, 0.05 * max(medians.values()))
    assert max(medians.values()) - min(medians.values()) < allowed, medians


def test_inviting_an_address_tells_nothing_of_other_laboratories(anna, bert):
    """Unknown everywhere, at work at Bert's, gone from Bert's, invited by Bert: the same to Anna."""
    kinds = {
        kind: [f"{kind}{number}@labor.example" for number in range(SAMPLES)] for kind in ("neu", "da", "weg", "geladen")
    }
    with laboratory(bert.lab_id):
        for kind, secret, active in (("da", "argon2", True), ("weg", "argon2", False), ("geladen", "!", True)):
            for address in kinds[kind]:
                account = Account.create(display_name="Eva", sign_in_name=address, role="reader", password_hash=secret)
                if not active:
                    Account.objects.filter(pk=account.pk).update(active=False)
    owner = anna.client()

    def invite(_kind, address):
        answer = owner.post("/team/einladen/", {"name": "Eva", "address": address, "role": "reader"})
        owner.cookies.pop("messages", None)  # names the address that was typed
        return answer.status_code, answer.headers["Location"], sorted(answer.headers)

    invite("", "zuerst@labor.example")  # the first request is slower

    assert_alike(*measured(kinds, invite))


def test_every_link_that_opens_nothing_is_the_same(anna):
    """Used, too old, withdrawn, of somebody who left, and never given out."""
    import hashlib

    kinds = {
        kind: [f"{kind}-{number:03}-" + "x" * 30 for number in range(SAMPLES)]
        for kind in ("benutzt", "alt", "weg", "nie")
    }
    now = timezone.now()
    with laboratory(anna.lab_id):
        here = Account.create(display_name="Eva", sign_in_name="eva@labor.example", role="reader", password_hash="!")
        gone = Account.create(display_name="Ada", sign_in_name="ada@labor.example", role="reader", password_hash="!")
        Account.objects.filter(pk=gone.pk).update(active=False)
        for kind, account, facts in (
            ("benutzt", here, {"used_at": now, "expires_at": now + timedelta(hours=1)}),
            ("alt", here, {"expires_at": now - timedelta(hours=1)}),
            ("weg", gone, {"expires_at": now + timedelta(hours=1)}),
        ):
            for token in kinds[kind]:
                AccessLink.objects.create(
                    account=account, purpose="invite", token_hash=hashlib.sha256(token.encode()).digest(), **facts
                )
    visitor = nobody_client()

    def try_link(_kind, token):
        return shown(visitor.get(f"/einladung/{token}/"))

    try_link("", "zuerst")
    assert_alike(*measured(kinds, try_link))
