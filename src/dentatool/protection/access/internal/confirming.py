"""Fresh confirmation: whoever is signed in proves once more who they are, before dangerous deeds."""

from typing import Any

from django.http import HttpRequest

from dentatool.protection.access.internal import factors, passkeys
from dentatool.protection.access.internal.factors import Kind, Outcome, Proof
from dentatool.protection.access.internal.models import Account
from dentatool.protection.access.internal.passwords import is_password_of
from dentatool.protection.access.internal.sessions import mark_confirmed
from dentatool.protection.audit import record_event


class Confirmation:
    """By a second factor where the person has one; the password alone would open to a thief what it opens to them.

    Wrong answers are counted and locked as at the sign-in. Whoever has lost the device signs out and in again with a
    recovery code, which is a fresh proof too.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._person = request.person  # type: ignore[attr-defined]
        self._account = Account.objects.get(pk=self._person.id)
        self._held = factors.factors_of(self._person.id)

    @property
    def kinds(self) -> set[str]:
        """What is asked for: `passkey`, `app`, or else `password`. Nothing: only a new sign-in helps."""
        if second := {factor.kind for factor in self._held} & {Kind.PASSKEY, Kind.APP}:
            return second
        return {"password"} if self._account.has_password else set()

    def offer_passkey(self) -> dict[str, Any]:
        """What the browser needs to prove one of this person's passkeys."""
        held = [factor for factor in self._held if factor.kind == Kind.PASSKEY]
        return passkeys.offer_proof(self._request, passkeys.PROVE, held)

    def by_password(self, typed: str) -> bool:
        """Prove it by the password, if that is what is asked for."""
        return self._judged("password", lambda: is_password_of(self._account, typed))

    def by_app(self, typed: str) -> Outcome:
        """Prove it by a code of an authenticator app."""
        asked = Kind.APP in self.kinds
        outcome = factors.prove_by_app(self._person.id, typed) if asked else Outcome(Proof.WRONG)
        self._judged(Kind.APP, lambda: outcome.is_accepted)
        return outcome

    def by_passkey(self, note: str, answer: str) -> bool:
        """Prove it by a passkey's signature."""
        return self._judged(
            Kind.PASSKEY, lambda: factors.prove_by_passkey(self._request, self._person.id, note, answer)
        )

    def _judged(self, kind: str, prove: Any) -> bool:
        self._request.keeps_refusal = True  # type: ignore[attr-defined]  # a wrong answer is counted
        is_proven = kind in self.kinds and prove()
        if is_proven:
            mark_confirmed(self._request, kind)
        else:
            record_event("authn_confirm_fail", method=kind)
        return is_proven
