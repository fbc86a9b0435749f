"""The second factor: which one a person has, which one the laboratory asks for, and proving one.

All of it runs inside the laboratory's pass, on locked rows: of two tries at the same moment, the second sees what the
first did.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from dentatool.protection.access.internal import codes, passkeys
from dentatool.protection.access.internal.endings import end_everything_of
from dentatool.protection.access.internal.models import Account, Ending, Factor, LaboratoryRole, Level, Session
from dentatool.protection.access.internal.roles import Permission, Role, permissions_of
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import current
from dentatool.protection.tenancy.internal.models import FactorRule, Laboratory

Kind = Factor.Kind
GRACE = timedelta(days=14)
MOST_FACTORS = 10
MOST_FAILURES = 5
_NEW_APP_FUTURE = 10  # steps: whoever sets an app up knows its key anyway and learns only about the clock
FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=15), timedelta(hours=24)
ISSUER = "DentaTool"
_BILLING = {Permission.BILLING_CHANGE, Permission.BILLING_ISSUE, Permission.BILLING_CANCEL}


class Proof(StrEnum):
    """What came of a code. A used one is told to the person like a wrong one."""

    ACCEPTED = "accepted"
    WRONG = "wrong"
    REPLAYED = "replayed"
    LATE = "late"
    EARLY = "early"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a code; of one that is over or not yet good, by about how much its app's clock is ahead."""

    proof: Proof
    ahead_s: int = 0

    @property
    def is_accepted(self) -> bool:
        """Whether it proved who is there."""
        return self.proof == Proof.ACCEPTED


class FactorRefused(Exception):
    """A factor cannot be added or taken away now. The message is for people."""

    title = "Das geht so nicht"

    def __init__(self, message: str, status: int = 409) -> None:
        super().__init__(message)
        self.status = status


def factors_of(account_id: UUID) -> list[Factor]:
    """All factors of an account, passkeys first."""
    order = list(Kind)
    return sorted(
        Factor.objects.filter(account_id=account_id), key=lambda each: (order.index(Kind(each.kind)), each.pk)
    )


def demanded_of(account: Account, *, at: datetime | None = None) -> frozenset[str]:
    """The kinds of which this person must have one; empty when none is demanded (yet)."""
    rule = FactorRule.in_force(Laboratory.objects.values_list("factor_rule", flat=True).get(pk=current().lab_id))
    if rule == FactorRule.PASSKEY:
        return frozenset({Kind.PASSKEY})
    if rule == FactorRule.REQUIRED or (_is_powerful(account) and (at or timezone.now()) >= due_since(account)):
        return frozenset({Kind.PASSKEY, Kind.APP})
    return frozenset()


def due_since(account: Account) -> datetime:
    """From when on owners and people who bill need a factor even where the laboratory asks for none."""
    return account.created_at + GRACE


def _is_powerful(account: Account) -> bool:
    own = LaboratoryRole.objects.filter(key=account.role, active=True).values_list("permissions", flat=True).first()
    held = permissions_of(account.role, own or [])
    return account.role == Role.OWNER or Permission.SECURITY_CHANGE in held or bool(held & _BILLING)


def second_kinds(factors: Iterable[Factor]) -> set[str]:
    """Those that are a second step of their own; recovery codes only stand in for one."""
    return {factor.kind for factor in factors} & {Kind.PASSKEY, Kind.APP}


def prove_by_app(account_id: UUID, typed: str) -> Outcome:
    """Take a code of an authenticator app, each time step at most once."""
    return _prove(account_id, Kind.APP, lambda factor: _take_app_code(factor, typed))


def prove_by_recovery_code(account_id: UUID, typed: str) -> Outcome:
    """Take one of the recovery codes; it is crossed out."""
    return _prove(account_id, Kind.CODES, lambda factor: _take_recovery_code(factor, typed))


def prove_by_passkey(request: HttpRequest, account_id: UUID, note: str, answer: str) -> bool:
    """Take a passkey's signature as the second step."""
    try:
        key = passkeys.key_of(passkeys.credential_id_in(answer))
        factor = Factor.objects.select_for_update().get(account_id=account_id, credential_key=key)
        factor.counter = passkeys.proven(request, passkeys.PROVE, note, answer, factor)
    except Factor.DoesNotExist:
        return _refused_passkey(account_id, "passkey of nobody here")
    except passkeys.PasskeyRefused as refused:
        return _refused_passkey(account_id, refused.reason)
    note_use(factor)
    return True


def _prove(account_id: UUID, kind: str, take: Callable[[Factor], Outcome]) -> Outcome:
    """Try a typed code on each factor of this kind, under their row locks; five wrong ones lock them, longer each time."""
    factors = list(Factor.objects.select_for_update().filter(account_id=account_id, kind=kind).order_by("id"))
    now = timezone.now()
    if any(factor.locked_until and factor.locked_until > now for factor in factors):
        record_event("authn_2fa_fail", account=account_id, kind=kind, reason="locked")
        return Outcome(Proof.LOCKED)
    outcomes = [take(factor) for factor in factors]
    if accepted := next((outcome for outcome in outcomes if outcome.is_accepted), None):
        for factor, outcome in zip(factors, outcomes, strict=True):
            if outcome.is_accepted:
                factor.last_used_at = now
            factor.failed_count, factor.locked_until = 0, None
            factor.save(update_fields=["secret", "counter", "failed_count", "locked_until", "last_used_at"])
        return accepted
    refused = next((outcome for outcome in outcomes if outcome.proof != Proof.WRONG), Outcome(Proof.WRONG))
    return Outcome(Proof.LOCKED) if _note_failure(account_id, kind, factors, refused.proof) else refused


def _note_failure(account_id: UUID, kind: str, factors: list[Factor], proof: Proof) -> bool:
    """Count it on each of them, whatever was wrong. Whether that locks them."""
    for factor in factors:
        factor.failed_count += 1
        rounds, left = divmod(factor.failed_count, MOST_FAILURES)
        if left == 0:
            factor.locked_until = timezone.now() + min(FIRST_LOCK * 2 ** min(rounds - 1, 10), LONGEST_LOCK)
        factor.save(update_fields=["counter", "failed_count", "locked_until"])
    is_locked = any(factor.failed_count % MOST_FAILURES == 0 for factor in factors)
    record_event("authn_2fa_replay" if proof == Proof.REPLAYED else "authn_2fa_fail", account=account_id, kind=kind)
    if is_locked:
        record_event("authn_2fa_lock", account=account_id, kind=kind)
    return is_locked


def _take_app_code(factor: Factor, typed: str) -> Outcome:
    shown = codes.recognised(str(factor.secret), typed, time.time(), future=1)
    if shown is None:
        return Outcome(Proof.WRONG)
    if shown.step <= factor.counter:
        return Outcome(Proof.REPLAYED)
    if shown.ahead_s < 0 and not shown.is_good:
        return Outcome(Proof.LATE, shown.ahead_s)
    # One that comes too early is used up as well: to say so would else tell who guesses what is good in some seconds.
    factor.counter = shown.step
    return Outcome(Proof.ACCEPTED if shown.is_good else Proof.EARLY, shown.ahead_s)


def _take_recovery_code(factor: Factor, typed: str) -> Outcome:
    kept, wanted = str(factor.secret).split(), codes.hashed_code(typed)
    if wanted not in kept:
        return Outcome(Proof.WRONG)
    factor.secret = "\n".join(each for each in kept if each != wanted)
    return Outcome(Proof.ACCEPTED)


def note_use(factor: Factor) -> None:
    """A factor was used rightly: its failures are forgotten."""
    factor.failed_count, factor.locked_until, factor.last_used_at = 0, None, timezone.now()
    factor.save(update_fields=["secret", "counter", "failed_count", "locked_until", "last_used_at"])


def _refused_passkey(account_id: UUID, reason: str) -> bool:
    record_event("authn_2fa_fail", account=account_id, kind=Kind.PASSKEY, reason=reason)
    return False


def add_passkey(account: Account, made: tuple[str, bytes, int], label: str) -> Factor:
    """Keep a passkey that was just made."""
    secret, credential_key, counter = made
    return _add(account, Kind.PASSKEY, label, secret=secret, credential_key=credential_key, counter=counter)


def add_app(account: Account, key: str, typed: str, label: str) -> Factor | Outcome:
    """Keep an authenticator app that shows the right code, which is used up; else what was wrong with the code."""
    shown = codes.recognised(key, typed, time.time(), future=_NEW_APP_FUTURE)
    if shown is None:
        return Outcome(Proof.WRONG)
    if not shown.is_good:
        return Outcome(Proof.LATE if shown.ahead_s < 0 else Proof.EARLY, shown.ahead_s)
    return _add(account, Kind.APP, label, secret=key, counter=shown.step)


def replace_recovery_codes(account: Account) -> list[str]:
    """Ten new codes, to be shown once; the old ones are worthless."""
    made = codes.new_recovery_codes()
    for old in Factor.objects.select_for_update().filter(account=account, kind=Kind.CODES):
        old.delete()
    _add(account, Kind.CODES, "Wiederherstellungscodes", secret="\n".join(codes.hashed_code(each) for each in made))
    return made


def codes_left(factor: Factor) -> int:
    """How many recovery codes have not been used."""
    return len(str(factor.secret).split())


def require_removable(account: Account, factor: Factor) -> set[str]:
    """What second steps are left without this factor. Raises FactorRefused for the last one that is demanded."""
    held = list(Factor.objects.select_for_update().filter(account=account))
    rest = second_kinds(each for each in held if each.pk != factor.pk)
    demanded = demanded_of(account)
    if demanded and factor.kind in demanded and not rest & demanded:
        raise FactorRefused(
            "Ihr Labor verlangt dieses Anmeldeverfahren. Richten Sie zuerst ein anderes ein; dann lässt sich dieses "
            "entfernen."
        )
    return rest


def remove(account: Account, factor: Factor) -> None:
    """Take a factor away. Raises FactorRefused for the last one that the laboratory demands."""
    rest = require_removable(account, factor)
    factor.delete()
    record_event("authn_factor_removed", account=account.pk, kind=factor.kind)
    if not rest:  # codes stand in for a factor; without one they are another password
        Factor.objects.filter(account=account, kind=Kind.CODES).delete()


def forget_all(account: Account) -> None:
    """Somebody lost everything: take away all factors and end every access. For whoever may change the team."""
    before = sorted(factor.kind for factor in Factor.objects.filter(account=account))
    Factor.objects.filter(account=account).delete()
    end_everything_of(account.pk, Ending.FACTOR)
    record_event("authn_factors_reset", account=account.pk, before=before, after=[])


def enforce_rule() -> int:
    """After the laboratory's rule became stricter: who does not fulfil it goes back to the second step. How many."""
    sent_back = 0
    for session in Session.objects.filter(ended_at=None, level=Level.FULL).select_related("account"):
        demanded = demanded_of(session.account)
        if demanded and session.method not in (*demanded, "oidc"):
            session.level = Level.HALF
            session.save(update_fields=["level"])
            sent_back += 1
    return sent_back


def _add(account: Account, kind: str, label: str, **facts: object) -> Factor:
    if Factor.objects.filter(account=account).count() >= MOST_FACTORS:
        raise FactorRefused(f"Mehr als {MOST_FACTORS} Anmeldeverfahren sind nicht möglich. Entfernen Sie zuerst eines.")
    factor = Factor.objects.create(account=account, kind=kind, **{"label": label, **facts})
    record_event("authn_factor_added", account=account.pk, kind=kind)
    return factor
