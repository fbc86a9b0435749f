"""The second factor: passkeys, authenticator apps, recovery codes.

Promise: after the password alone nobody reaches an inner page who has a factor or must have one. A challenge is good
for one browser and once; a code of an app and a recovery code is taken once, whoever else sends it at the same
moment; five wrong ones lock that factor. Adding and taking away demands a fresh sign-in, and the last factor that the
laboratory demands stays. Secrets are sealed.

How it could be broken: by whoever holds the person's device and can unlock it; with an app, by a person who types a
code into a forged page (a passkey is bound to the site and cannot be typed).
Tests that try: tests/attack/test_atk_30, _31; tests/team/test_factors_in_the_browser.py with a real browser.
"""

from typing import Any

from django.http import Http404, HttpRequest

from dentatool.protection.access.internal import codes, factors, passkeys, passwords
from dentatool.protection.access.internal.entering import Entrance, finish_step, sign_in_by_passkey
from dentatool.protection.access.internal.envelopes import seal, unseal
from dentatool.protection.access.internal.factors import (
    FactorRefused,
    Outcome,
    Proof,
    codes_left,
    due_since,
    forget_all,
)
from dentatool.protection.access.internal.models import Account, Factor, Level
from dentatool.protection.access.internal.passkeys import PasskeyRefused, has_name
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import current
from dentatool.protection.tenancy.internal.models import FactorRule, Laboratory

__all__ = [
    "Entrance",
    "FactorRefused",
    "FactorRule",
    "Outcome",
    "OwnFactors",
    "PasskeyRefused",
    "Proof",
    "SecondStep",
    "codes_left",
    "forget_all",
    "offer_sign_in",
    "set_rule",
    "sign_in_by_passkey",
]

Kind = Factor.Kind
FIRST_STEPS = ("password", "oidc")
_APP_S = 30 * 60


def offer_sign_in(request: HttpRequest) -> dict[str, Any]:
    """What the browser needs to sign in by a passkey alone: `options`, and a `note` that has to come back."""
    return passkeys.offer_proof(request, passkeys.ENTER)


class SecondStep:
    """The step after the password, for the person of a half session."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._person = request.person  # type: ignore[attr-defined]
        self.held = factors.factors_of(self._person.id)

    @property
    def open_kinds(self) -> set[str]:
        """What can be given. Where the laboratory demands a passkey and there is one, no app's code is asked for.

        Empty when the step was given and the laboratory demands more: then a factor has to be added.
        """
        kinds = {factor.kind for factor in self.held}
        if self._person.method not in FIRST_STEPS or not kinds & {Kind.PASSKEY, Kind.APP}:
            return set()
        return kinds - {Kind.APP} if self._person.factor_rule == FactorRule.PASSKEY and Kind.PASSKEY in kinds else kinds

    def offer_passkey(self) -> dict[str, Any]:
        """What the browser needs to prove one of this person's passkeys."""
        held = [factor for factor in self.held if factor.kind == Kind.PASSKEY]
        return passkeys.offer_proof(self._request, passkeys.PROVE, held)

    def by_passkey(self, note: str, answer: str) -> Entrance | None:
        """Give the step by a passkey's signature. None: refused, and noted."""
        self._remember_refusal()
        if not factors.prove_by_passkey(self._request, self._person.id, note, answer):
            return None
        return finish_step(self._request, "passkey")

    def by_app(self, typed: str) -> Entrance | Outcome:
        """Give the step by a code of an authenticator app."""
        self._remember_refusal()
        outcome = factors.prove_by_app(self._person.id, typed)
        return finish_step(self._request, "app") if outcome.is_accepted else outcome

    def by_recovery_code(self, typed: str) -> Entrance | Outcome:
        """Give the step by one of the recovery codes."""
        self._remember_refusal()
        outcome = factors.prove_by_recovery_code(self._person.id, typed)
        return finish_step(self._request, "recovery") if outcome.is_accepted else outcome

    def _remember_refusal(self) -> None:
        """A refused answer is rolled back as a rule; here the count of wrong tries must stay."""
        self._request.keeps_refusal = True  # type: ignore[attr-defined]


class OwnFactors:
    """A person's own factors: seen, added, taken away."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._person = request.person  # type: ignore[attr-defined]
        self.account = Account.objects.get(pk=self._person.id)
        self.held = factors.factors_of(self.account.pk)
        self.demanded = factors.demanded_of(self.account)
        self.due_since = (
            due_since(self.account) if factors.demanded_of(self.account, at=due_since(self.account)) else None
        )

    def of_kind(self, kind: str) -> list[Factor]:
        """Those of one kind."""
        return [factor for factor in self.held if factor.kind == kind]

    def get(self, pk: object) -> Factor:
        """One of them. Raises Http404 for whatever is not this person's."""
        for factor in self.held:
            if factor.pk == pk:
                return factor
        raise Http404

    @property
    def has_second(self) -> bool:
        """Whether there is a second step at all; recovery codes are none by themselves."""
        return bool(factors.second_kinds(self.held))

    @property
    def needs_passkey(self) -> bool:
        """Whether nothing but a passkey is enough for the laboratory."""
        return self.demanded == {Kind.PASSKEY}

    @property
    def passkeys_possible(self) -> bool:
        """Not under a bare network address."""
        return has_name(self._request)

    def require_right_to_add(self, kind: str) -> None:
        """Whoever is only half in may add a first factor, never one beside those they did not give.

        A recovery code opens the way to a new passkey; an app's code only to the first one. Raises FactorRefused.
        """
        if self._person.level == Level.FULL:
            return
        has_no_factor = self._person.method in FIRST_STEPS and not self.has_second
        gave_app = self._person.method == "app" and kind == Kind.PASSKEY and not self.of_kind(Kind.PASSKEY)
        if not (has_no_factor or gave_app or self._person.method == "recovery"):
            raise FactorRefused("Geben Sie zuerst den zweiten Schritt Ihrer Anmeldung.", status=403)

    def offer_passkey(self) -> dict[str, Any]:
        """What the browser needs to make a passkey."""
        name = str(self.account.sign_in_name)
        return passkeys.offer_enrolment(self._request, self.account.pk, name, self.of_kind(Kind.PASSKEY))

    def add_passkey(self, note: str, answer: str, label: str) -> Factor:
        """Keep the passkey that the browser made. Raises PasskeyRefused, FactorRefused."""
        self.require_right_to_add(Kind.PASSKEY)
        return self._added(factors.add_passkey(self.account, passkeys.enrolled(self._request, note, answer), label))

    def offer_app(self) -> tuple[str, str, str]:
        """A new key of an authenticator app, the address that its QR code says, and a note that has to come back."""
        key = codes.new_app_key()
        note = seal("app", key=key, session=str(self._person.session_id))
        return key, codes.app_address(key, str(self.account.sign_in_name), factors.ISSUER), note

    def offered_app(self, note: str) -> tuple[str, str] | None:
        """Key and address of an offer that came back; None when it is too old or another session's."""
        facts = unseal("app", note, max_age_s=_APP_S)
        if facts is None or facts["session"] != str(self._person.session_id):
            return None
        return facts["key"], codes.app_address(facts["key"], str(self.account.sign_in_name), factors.ISSUER)

    def add_app(self, key: str, typed: str, label: str) -> Factor | Outcome:
        """Keep the app whose code was typed; else what was wrong with the code. Raises FactorRefused."""
        self.require_right_to_add(Kind.APP)
        made = factors.add_app(self.account, key, typed, label)
        return made if isinstance(made, Outcome) else self._added(made)

    def new_recovery_codes(self) -> list[str]:
        """Ten codes to show once; those before are worthless. Raises FactorRefused."""
        if not self.has_second:
            raise FactorRefused("Wiederherstellungscodes ersetzen ein zweites Verfahren. Richten Sie zuerst eines ein.")
        return factors.replace_recovery_codes(self.account)

    def is_last(self, factor: Factor) -> bool:
        """Whether the password would be all that is left."""
        rest = factors.second_kinds(each for each in self.held if each.pk != factor.pk)
        return self.account.has_password and factor.kind in (Kind.PASSKEY, Kind.APP) and not rest

    def require_removable(self, factor: Factor) -> None:
        """Raises FactorRefused for the last one that is demanded."""
        factors.require_removable(self.account, factor)

    def remove(self, factor: Factor, *, old: str = "", new: str = "") -> None:
        """Take one away. With the last one goes the right to a short password: it is proven, and replaced by `new`.

        Raises FactorRefused for the last one that is demanded, WrongPassword, WeakPassword.
        """
        is_last = self.is_last(factor)
        if is_last:
            passwords.require_stands_alone(self._request, self.account, old, new)
        factors.remove(self.account, factor)
        if is_last and new:
            passwords.replace(self._request, self.account, new)

    def _added(self, factor: Factor) -> Factor:
        if self._person.level != Level.FULL:
            finish_step(self._request, factor.kind)
        return factor


def set_rule(request: HttpRequest, rule: str) -> int:
    """Set what the laboratory asks for; who does not fulfil it goes back to the second step at once. How many.

    Raises FactorRefused when the person who sets it could not come in any more, or for less than the provider asks.
    """
    if rule not in FactorRule.allowed():
        raise FactorRefused("Der Betreiber verlangt von allen Laboren mehr. Strenger geht es, lockerer nicht.")
    own = OwnFactors(request)
    needed = {
        FactorRule.OPTIONAL: set(),
        FactorRule.REQUIRED: {Kind.PASSKEY, Kind.APP},
        FactorRule.PASSKEY: {Kind.PASSKEY},
    }
    if needed[FactorRule(rule)] and not needed[FactorRule(rule)] & {factor.kind for factor in own.held}:
        raise FactorRefused("Richten Sie zuerst für sich selbst ein solches Verfahren ein, sonst sperren Sie sich aus.")
    stored = Laboratory.objects.select_for_update().get(pk=current().lab_id)
    if stored.factor_rule == rule:
        return 0
    record_event("security.rule_changed", old=stored.factor_rule, new=rule)
    stored.factor_rule = rule
    stored.save(update_fields=["factor_rule"])
    return factors.enforce_rule()
