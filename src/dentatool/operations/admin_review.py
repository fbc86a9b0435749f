"""The provider's review of administrative access: every 90 days somebody else says of each whether it stays (TOM 3).

Promise: nobody decides about themselves; what nobody answered for within 14 days counts as revoked; a closed review is
final in the database, and its report is signed. A revoked database role can no longer sign in, at once. The program
cannot take accounts of the operating system away: those stay open work, red in the doctor, until they are gone.
How it could be broken: by whoever administers the machine; they hold the owner's password and root. It keeps honest
people from confirming themselves by habit, and leaves a signed report that others hold.
Tests that try: tests/operations/test_admin_review.py. Why so: docs/decisions/access-review.md.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from dentatool.operations.administrators import Access, Caller
from dentatool.team.reviews.printing import printed
from dentatool.values.signed_file import sign_file

INTERVAL = timedelta(days=90)
TERM = timedelta(days=14)
KEEP, REVOKE = "keep", "revoke"
WORDS = {"": "offen", KEEP: "bleibt", REVOKE: "entzogen"}
_UNANSWERED = "niemand hat in der Frist geantwortet"
_HEAD = ("Zugang", "Art", "Rechte", "Gehört", "Entschieden am", "Entscheidung", "Von, Begründung")


class Refused(Exception):
    """What was asked for is against the rules; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Review:
    """One review. Entries: entry, powers, shared as in Access; decision, by, reason, at, ended (not yet decided: empty)."""

    id: UUID
    opened_at: datetime
    opened_by: str
    due_at: datetime
    entries: list[dict[str, Any]]
    closed_at: datetime | None

    @property
    def undecided(self) -> list[dict[str, Any]]:
        """About what nobody has answered yet."""
        return [each for each in self.entries if not each["decision"]]


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides: the account at the terminal, or somebody from outside whose decision it types."""

    name: str
    typed_by: Caller
    organisation: str = ""

    def __str__(self) -> str:
        if self.organisation:
            return f"{self.name} ({self.organisation}), eingetragen von {self.typed_by.name}"
        return self.name


def open_review(owner: psycopg.Connection) -> Review | None:
    """The review that is running."""
    return _read(owner, "closed_at is null")


def last_closed(owner: psycopg.Connection) -> Review | None:
    """The review that counts."""
    return _read(owner, "closed_at is not null order by closed_at desc limit 1")


def due_on(owner: psycopg.Connection) -> datetime:
    """Until when the next one must be closed: counted from the last, or from the first migration of this database."""
    if last := last_closed(owner):
        return (last.closed_at or last.due_at) + INTERVAL
    row = owner.execute("select min(applied) from public.django_migrations").fetchone()
    installed: datetime | None = row[0] if row else None
    assert installed is not None, "a database without migrations"
    return installed + INTERVAL


def begin(owner: psycopg.Connection, accesses: Iterable[Access], *, by: Caller, now: datetime) -> Review:
    """Write down every administrative access. One review at a time."""
    entries = [
        {"entry": each.entry, "powers": list(each.powers), "shared": each.shared, "decision": "", "ended": False}
        for each in accesses
    ]
    with owner.transaction():
        owner.execute("lock table protection.access_review in exclusive mode")
        if open_review(owner):
            raise Refused("Es läuft schon eine Zugangsprüfung. Zuerst abschließen: dentatool reviews close")
        owner.execute(
            "insert into protection.access_review (id, opened_at, opened_by, due_at, entries) values (%s, %s, %s, %s, %s)",
            [review_id := uuid4(), now, by.name, now + TERM, json.dumps(entries)],
        )
        note("review.opened", owner, record=str(review_id), entries=len(entries), user=by.name)
    return Review(review_id, now, by.name, now + TERM, entries, None)


def decide(
    owner: psycopg.Connection,
    superuser_dsn: str | None,
    entry: str,
    decision: str,
    *,
    by: Reviewer,
    reason: str,
    now: datetime,
) -> bool:
    """Keep or revoke one access; whether a revoked one has ended already. Raises Refused."""
    try:
        with owner.transaction():
            review = _locked(owner)
            item = next((each for each in review.entries if each["entry"] == entry), None)
            if item is None:
                raise Refused(f"{entry} steht nicht in dieser Prüfung. Was darin steht: dentatool reviews show")
            _require_may_decide(review, item, decision, by)
            if len(reason.strip()) < 3:
                raise Refused("Bitte begründen (--reason). Die Begründung steht im Bericht.")
            _settle(owner, superuser_dsn, item, decision, by=str(by), reason=reason.strip(), now=now)
            _store(owner, review)
    except _OwnAccess:
        note("authz_fail", owner, what=entry, reason="entscheidet über sich selbst", user=by.typed_by.name)
        raise
    return bool(item["ended"])


def close(
    owner: psycopg.Connection, superuser_dsn: str | None, signing_key: Path, *, by: Caller, now: datetime
) -> tuple[Review, bytes]:
    """Revoke what nobody answered for once the term is over, and sign. From then on nothing in the review changes."""
    with owner.transaction():
        review = _locked(owner)
        if review.undecided and now < review.due_at:
            raise Refused(
                f"Über {len(review.undecided)} Zugänge ist noch nicht entschieden; ohne Antwort gelten sie ab"
                f" {_day(review.due_at)} als entzogen. Was offen ist: dentatool reviews show"
            )
        for item in review.undecided:
            _settle(owner, superuser_dsn, item, REVOKE, by="das Programm", reason=_UNANSWERED, now=now)
        facts = {"kind": "access-review", "of": "Betreiber", "review": str(review.id), "closed_at": now.isoformat()}
        report = sign_file(_pdf(review, by, now), facts, signing_key)
        owner.execute(
            "update protection.access_review set entries = %s, closed_at = %s, closed_by = %s, report = %s where id = %s",
            [json.dumps(review.entries), now, by.name, report, review.id],
        )
        note("review.closed", owner, record=str(review.id), entries=len(review.entries), user=by.name)
    return review, report


def never_reviewed(owner: psycopg.Connection, accesses: Iterable[Access]) -> list[str]:
    """What has appeared, or has more power, since the last look; before the first review, every role of the database."""
    review = open_review(owner) or last_closed(owner)
    if review is None:
        return [each.entry for each in accesses if each.entry.startswith("db:")]
    known = {each["entry"]: set(each["powers"]) for each in review.entries}
    return [each.entry for each in accesses if not set(each.powers) <= known.get(each.entry, set())]


def revoked_but_there(owner: psycopg.Connection, accesses: Iterable[Access]) -> list[str]:
    """Open work: what was revoked and is there all the same."""
    there = [each.entry for each in accesses]
    found = [review for review in (last_closed(owner), open_review(owner)) if review]
    # What the running review decides about an access counts before what the last one said.
    said = {each["entry"]: each["decision"] for review in found for each in review.entries if each["decision"]}
    return [entry for entry in there if said.get(entry) == REVOKE]


def note(event: str, owner: psycopg.Connection, **facts: Any) -> None:
    """Among the platform's events, in the transaction that is running."""
    owner.execute("select protection.record_platform_event(%s, %s)", [event, json.dumps(facts)])


class _OwnAccess(Refused):
    pass


def _require_may_decide(review: Review, item: dict[str, Any], decision: str, by: Reviewer) -> None:
    if item["decision"] == REVOKE:
        raise Refused("Dieser Zugang ist schon entzogen.")
    name = item["entry"].partition(":")[2]
    reviewed = {each["entry"].partition(":")[2].casefold() for each in review.entries}
    if by.organisation:
        if by.name.casefold() in reviewed | {by.typed_by.name.casefold()}:
            raise _OwnAccess(f"{by.name} hat hier selbst einen Zugang. Von außerhalb entscheidet jemand ohne Zugang.")
        return
    if by.name != by.typed_by.name:
        raise Refused(
            f"Angemeldet sind Sie als {by.typed_by.name}, nicht als {by.name}. Entscheidet jemand von außerhalb, ohne"
            " Zugang, so nennen Sie die Stelle mit: --external STELLE"
        )
    if name == by.name:
        raise _OwnAccess(f"Über den eigenen Zugang entscheidet jemand anderes. {_SECOND_PERSON}")
    others = [each for each in review.entries if each["entry"].startswith("os:") and not each["shared"]]
    if decision == KEEP and by.typed_by.shared:
        raise _OwnAccess(
            f"{by.name} ist kein Konto einer Person: Niemand sieht, wer entscheidet. Melden Sie sich mit Ihrem eigenen"
            f" an und rufen Sie das Kommando mit sudo auf. {_SECOND_PERSON}"
        )
    if decision == KEEP and item["shared"] and all(each["entry"] == f"os:{by.name}" for each in others):
        raise _OwnAccess(f"Außer Ihnen hat keine Person Zugang, also ist {name} Ihr eigener. {_SECOND_PERSON}")


_SECOND_PERSON = (
    "Nötig ist eine zweite Person mit eigenem Konto, oder jemand von außerhalb: --by NAME --external STELLE;"
    " diese Person unterschreibt dann den ausgedruckten Bericht."
)


def _settle(
    owner: psycopg.Connection,
    superuser_dsn: str | None,
    item: dict[str, Any],
    decision: str,
    *,
    by: str,
    reason: str,
    now: datetime,
) -> None:
    item |= {"decision": decision, "by": by, "reason": reason, "at": now.isoformat()}
    if decision == REVOKE and item["entry"].startswith("db:"):
        item["ended"] = _end_login(superuser_dsn, item["entry"].removeprefix("db:"))
    note("review.decided", owner, what=item["entry"], result=WORDS[decision], reason=reason)


def _end_login(superuser_dsn: str | None, role: str) -> bool:
    """No sign-in any more, and sessions that stand are cut. False where the program may not, or would lock itself out."""
    if superuser_dsn is None:
        return False
    try:
        with psycopg.connect(superuser_dsn, autocommit=True, connect_timeout=5) as link:
            if link.info.user == role:
                return False
            link.execute(sql.SQL("alter role {} with nologin").format(sql.Identifier(role)))
            link.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [role])
    except psycopg.Error:
        return False
    return True


def _read(owner: psycopg.Connection, which: str) -> Review | None:
    columns = "id, opened_at, opened_by, due_at, entries, closed_at"
    row = owner.execute(f"select {columns} from protection.access_review where {which}").fetchone()  # type: ignore[arg-type]  # noqa: S608
    return Review(*row) if row else None


def _locked(owner: psycopg.Connection) -> Review:
    if review := _read(owner, "closed_at is null for update"):
        return review
    raise Refused("Es läuft keine Zugangsprüfung. Beginnen: dentatool reviews begin --by NAME")


def _store(owner: psycopg.Connection, review: Review) -> None:
    owner.execute(
        "update protection.access_review set entries = %s where id = %s", [json.dumps(review.entries), review.id]
    )


def _pdf(review: Review, by: Caller, now: datetime) -> bytes:
    kept = sum(each["decision"] == KEEP for each in review.entries)
    words = {
        "laboratory": "Betreiber dieser Installation",
        "title": f"Prüfung der administrativen Zugänge vom {_day(review.opened_at)}",
        "facts": [
            ["Eröffnet", f"{_day(review.opened_at)}, {review.opened_by}"],
            ["Abgeschlossen", f"{_day(now)}, {by.name}"],
            ["Ergebnis", f"{kept} {WORDS[KEEP]}, {len(review.entries) - kept} {WORDS[REVOKE]}"],
        ],
        "head": _HEAD,
        "rows": [_row(each) for each in review.entries],
        "notes": list(_notes(review)),
        "foot": f"Elektronisch unterschrieben (Ed25519). Prüfen: dentatool reviews verify DATEI · Vorgang {review.id}",
    }
    return printed(words, now)


def _row(item: dict[str, Any]) -> list[str]:
    kind, _, name = item["entry"].partition(":")
    return [
        name,
        "Datenbankrolle" if kind == "db" else "Konto am Server",
        ", ".join(item["powers"]),
        "keiner Person allein" if item["shared"] else "einer Person",
        _day(datetime.fromisoformat(item["at"])),
        WORDS[item["decision"]] + (", Anmeldung gesperrt" if item["ended"] else ""),
        f"{item['by']}: {item['reason']}",
    ]


def _notes(review: Review) -> Iterator[str]:
    yield (
        "Die Rollen des Programms stehen nicht darin: Ihre Passwörter kann benutzen, wer die Schlüssel liest; das sind die"
        " Konten am Server."
    )
    if left := [each["entry"] for each in review.entries if each["decision"] == REVOKE and not each["ended"]]:
        yield f"Von Hand zu entziehen, bis dahin offen (dentatool doctor): {', '.join(left)}."
    outside = {each["by"] for each in review.entries if ", eingetragen von " in each["by"]}
    for who in sorted(outside):
        yield f"Von außerhalb entschieden; gilt mit Unterschrift: ______________________________  {who}"


def _day(at: datetime) -> str:
    return f"{at.astimezone():%d.%m.%Y %H:%M}"
