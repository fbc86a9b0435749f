"""The signed report of a review, as PDF: what stood there, what was decided, by whom."""

import hashlib
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from dentatool.kit.formatting import moment
from dentatool.protection.tenancy import current
from dentatool.team.permission_words import WORDS
from dentatool.team.queries import profile
from dentatool.team.reviews.models import AccessReview, Decision, ReviewItem
from dentatool.team.reviews.printing import printed
from dentatool.values.signed_file import sign_file

_HEAD = (
    "Person",
    "Rolle",
    "Rechte",
    "Zuletzt angemeldet",
    "Zweiter Faktor, Schlüssel",
    "Entscheidung",
    "Von, am, Begründung",
)


def report_of(review: AccessReview, closed_at: datetime) -> tuple[bytes, str]:
    """The signed file, and the SHA-256 of the whole."""
    facts = {
        "kind": "access-review", "laboratory": str(current().lab_id), "review": str(review.pk),
        "closed_at": closed_at.isoformat(),
    }  # fmt: skip
    file = sign_file(_pdf(review, closed_at), facts, Path(settings.DENTATOOL_SIGNING_KEY_FILE))
    return file, hashlib.sha256(file).hexdigest()


def _pdf(review: AccessReview, closed_at: datetime) -> bytes:
    items = list(review.items.select_related("decided_by"))
    words = {
        "laboratory": profile().name,
        "title": f"Zugangsprüfung vom {timezone.localtime(review.opened_at):%d.%m.%Y}",
        "facts": [
            ["Eröffnet", f"{moment(review.opened_at)}, {_who(review.opened_by)}"],
            ["Abgeschlossen", f"{moment(closed_at)}, {_who(review.closed_by)}"],
            ["Ergebnis", ", ".join(f"{sum(i.decision == kind for i in items)} {kind.label}" for kind in _kinds(items))],
        ],
        "head": _HEAD,
        "rows": [_row(item) for item in sorted(items, key=lambda item: item.person.casefold())],
        "notes": list(_notes(items)),
        "foot": f"Elektronisch unterschrieben (Ed25519). Prüfen: dentatool reviews verify DATEI · Vorgang {review.pk}",
    }
    return printed(words, closed_at)


def _kinds(items: list[ReviewItem]) -> list[Decision]:
    return [kind for kind in Decision if any(item.decision == kind for item in items)]


def _row(item: ReviewItem) -> list[str]:
    decided = [_who(item.decided_by)] if item.decided_by or item.decision == Decision.EXPIRED else []
    decided += [moment(item.decided_at)] if item.decided_at else []
    return [
        item.person,
        item.role,
        ", ".join(WORDS.get(permission, permission) for permission in item.permissions),
        moment(item.last_sign_in) if item.last_sign_in else "nie",
        f"{', '.join(item.factors) or 'keiner'}, {item.tokens}",
        item.get_decision_display(),
        ", ".join(decided) + (f": {item.comment}" if item.comment else ""),
    ]


def _notes(items: list[ReviewItem]) -> list[str]:
    if not any(item.decision == Decision.ALONE for item in items):
        return []
    return [
        "Nicht prüfbar durch andere: Bei Eröffnung durfte außer dieser Person niemand über Zugänge entscheiden. Eine"
        " Prüfung durch jemand anderen hat insoweit nicht stattgefunden. Abhilfe: einer zweiten Person das Recht geben,"
        " Zugänge zu prüfen."
    ]


def _who(account: object) -> str:
    return str(account) if account else "das Programm"
