"""From an advisory to a deadline to done, and what the doctor says on the way. The clock is the only thing that is not real."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dentatool.operations.updates import told as module
from dentatool.operations.updates.checking import check
from dentatool.operations.updates.holes import DUE
from dentatool.operations.updates.installed import BITNAMI, PYPI, Component
from dentatool.operations.updates.memory import Memory, NotAccepted
from dentatool.operations.updates.reading import Unusable
from dentatool.operations.updates.severity import CRITICAL, HIGH, LOW, MEDIUM
from dentatool.operations.updates.told import GOOD, WARNING, WRONG, told
from operations.updates.records import ELSEWHERE, FRESH, NOW, about

SERVER = 180006
HERE = [
    Component(PYPI, "django", "5.2.3"),
    Component(BITNAMI, "postgresql", "18.6"),
    Component(BITNAMI, "python", "3.11.7"),
]
HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _installed_is_what_the_test_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django 5.2.3: the real one of this environment has no known hole."""
    monkeypatch.delenv("DENTATOOL_ADVISORIES", raising=False)
    monkeypatch.setattr(module, "installed", lambda server: HERE)


@pytest.fixture
def compare(tmp_path: Path) -> Callable[..., None]:
    """Compare `HERE`, or what is given, with fresh data and these advisories."""

    def compare(*records: dict[str, Any], now: datetime = NOW, here: list[Component] = HERE, data: Any = None) -> None:
        fresh = [each | {"modified": (now - 5 * HOURS).isoformat()} for each in ELSEWHERE] if data is None else data
        (tmp_path / "advisories.json").write_text(json.dumps([*records, *fresh]))
        check(tmp_path, here, [str(tmp_path / "advisories.json")], now)

    return compare


def hole(severity: str, published: datetime, name: str = "CVE-2026-1", **more: Any) -> dict[str, Any]:
    rated = {"database_specific": {"severity": severity}} if severity else {}
    record = about("django", {"introduced": "5.0"}, {"fixed": "5.2.4"})
    return record | {"id": name, "published": published.isoformat()} | rated | more


def status(var: Path, now: datetime = NOW, *, production: bool = False) -> tuple[str, str]:
    return told(var, SERVER, production=production, now=now)[:2]


@pytest.mark.parametrize(
    ("severity", "in_time", "late"),
    [
        ("CRITICAL", 71 * HOURS, 73 * HOURS),
        ("", 71 * HOURS, 73 * HOURS),
        ("HIGH", 7 * DAYS - HOURS, 7 * DAYS + HOURS),
        ("MODERATE", 30 * DAYS - HOURS, 30 * DAYS + HOURS),
        ("LOW", 90 * DAYS - HOURS, 90 * DAYS + HOURS),
    ],
)
def test_a_hole_turns_red_when_its_deadline_has_passed(
    tmp_path: Path, compare: Callable[..., None], severity: str, in_time: timedelta, late: timedelta
) -> None:
    """A critical finding 73 hours old is red; unrated is critical."""
    compare(hole(severity, NOW - in_time))
    assert status(tmp_path)[0] == WARNING
    compare(hole(severity, NOW - late))
    answer, found = status(tmp_path)
    assert (answer, found[:46]) == (WRONG, "Frist überschritten: CVE-2026-1 in django 5.2.")
    assert sorted(DUE) == sorted((CRITICAL, HIGH, MEDIUM, LOW))


def test_time_alone_turns_it_red_between_two_checks(tmp_path: Path, compare: Callable[..., None]) -> None:
    compare(hole("CRITICAL", NOW))

    assert [status(tmp_path, NOW + after * HOURS)[0] for after in (0, 71, 73)] == [WARNING, WARNING, WRONG]


def test_the_clock_starts_when_the_world_knew_or_we_and_never_again(
    tmp_path: Path, compare: Callable[..., None]
) -> None:
    """Neither a lost memory nor a new record of the same hole sets it back."""
    compare(hole("CRITICAL", NOW))
    later = NOW + 73 * HOURS
    renamed = hole("CRITICAL", later, name="CVE-2026-99", aliases=["CVE-2026-1"])

    compare(renamed, now=later)
    assert status(tmp_path, later)[0] == WRONG

    (tmp_path / "updates" / "state.json").unlink()
    compare(hole("CRITICAL", NOW), now=later)
    assert status(tmp_path, later)[0] == WRONG


def test_what_is_updated_is_done_and_remembered(tmp_path: Path, compare: Callable[..., None]) -> None:
    compare(hole("CRITICAL", NOW - 10 * DAYS))
    assert status(tmp_path)[0] == WRONG

    updated = [Component(PYPI, "django", "5.2.4"), *HERE[1:]]
    before, HERE[:] = list(HERE), updated
    try:
        assert status(tmp_path) == (WRONG, "seit dem letzten Vergleich ist anderes installiert")
        compare(hole("CRITICAL", NOW - 10 * DAYS), here=updated)
        assert status(tmp_path)[0] == GOOD
    finally:
        HERE[:] = before
    known = Memory(tmp_path).known()
    assert known is not None
    ((closed,),) = (known.closed,)
    assert (closed["names"], closed["version"], closed["closed"]) == (["CVE-2026-1"], "5.2.3", NOW.isoformat())


def test_never_compared_is_plain_while_developing_and_red_where_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status(tmp_path)[0] == GOOD
    assert status(tmp_path, production=True) == (WRONG, "noch nie verglichen")
    monkeypatch.setenv("DENTATOOL_ADVISORIES", "/srv/osv.zip")
    assert status(tmp_path) == (WRONG, "noch nie verglichen")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([], "keine einzige Meldung"),
        (ELSEWHERE[:1], "keine für Bitnami"),
        (ELSEWHERE[1:], "keine für PyPI"),
        ([each | {"modified": "2027-11-26T00:00:00Z"} for each in ELSEWHERE], "keine für"),
    ],
)
def test_a_check_that_failed_is_red_and_stays_so(
    tmp_path: Path, compare: Callable[..., None], wrong: list[Any], words: str
) -> None:
    """No data, data about the half, data from the future: not green, though it was a minute ago."""
    compare()
    assert status(tmp_path)[0] == GOOD

    with pytest.raises(Unusable, match=words):
        compare(data=wrong)

    answer, found = status(tmp_path, NOW + DAYS)
    assert answer == WRONG and "gescheitert" in found and words in found
    compare()
    assert status(tmp_path)[0] == GOOD


def test_data_of_more_than_seven_days_is_red_whatever_its_file_says(
    tmp_path: Path, compare: Callable[..., None]
) -> None:
    """One ecosystem that stands still is enough; the file was written just now."""
    compare()
    assert status(tmp_path, NOW + 6 * DAYS)[0] == GOOD
    assert status(tmp_path, NOW + 8 * DAYS)[0] == WRONG

    old = [ELSEWHERE[0], ELSEWHERE[1] | {"modified": (NOW - 8 * DAYS).isoformat()}]
    compare(data=old)
    answer, found = status(tmp_path)
    assert (answer, found) == (WRONG, "die Meldungen sind älter als 7 Tage: Bitnami vom 18.11.2026")


def test_without_the_version_of_the_server_nothing_is_compared(tmp_path: Path, compare: Callable[..., None]) -> None:
    with pytest.raises(Unusable, match="Von postgresql ist die Version nicht zu ermitteln"):
        compare(here=[HERE[0], Component(BITNAMI, "postgresql", ""), HERE[2]])
    assert status(tmp_path)[0] == WRONG


def test_what_nobody_can_decide_is_due_at_once(tmp_path: Path, compare: Callable[..., None]) -> None:
    package = {"package": {"ecosystem": "PyPI", "name": "django"}, "ranges": [{"type": "GIT", "events": []}]}
    compare(hole("LOW", NOW) | {"affected": [package]})

    assert status(tmp_path)[0] == WRONG


def accept(var: Path, name: str = "CVE-2026-1", until: date | None = None, **more: str) -> list[str]:
    facts = {"reason": "Die Funktion ist abgeschaltet.", "by": "Clara"} | more
    holes = Memory(var).accept(name, until=until or (NOW + 10 * DAYS).date(), now=NOW, **facts)
    return [hole.component for hole in holes]


def test_who_puts_a_hole_off_answers_for_it_until_a_day(tmp_path: Path, compare: Callable[..., None]) -> None:
    compare(hole("CRITICAL", NOW - 10 * DAYS))

    assert accept(tmp_path) == ["django"]

    assert status(tmp_path) == (GOOD, "keine offene Lücke bekannt, verglichen am 26.11.2026; 1 aufgeschoben")
    compare(hole("CRITICAL", NOW - 10 * DAYS))
    later = NOW + 11 * DAYS
    assert status(tmp_path)[0] == GOOD
    compare(hole("CRITICAL", NOW - 10 * DAYS), now=later)
    assert status(tmp_path, later)[0] == WRONG


def test_an_acceptance_ends_by_itself_between_two_checks(tmp_path: Path, compare: Callable[..., None]) -> None:
    compare(hole("CRITICAL", NOW - 10 * DAYS))
    accept(tmp_path, until=(NOW + 2 * DAYS).date())

    assert [status(tmp_path, NOW + after * DAYS)[0] for after in (0, 2, 3)] == [GOOD, GOOD, WRONG]


def test_an_acceptance_ends_with_the_version_and_with_the_severity(
    tmp_path: Path, compare: Callable[..., None]
) -> None:
    compare(hole("LOW", NOW - 100 * DAYS))
    accept(tmp_path)

    compare(hole("HIGH", NOW - 100 * DAYS))
    assert status(tmp_path)[0] == WRONG
    compare(hole("LOW", NOW - 100 * DAYS))
    assert status(tmp_path)[0] == GOOD

    before, HERE[0] = HERE[0], Component(PYPI, "django", "5.2.2")
    try:
        compare(hole("LOW", NOW - 100 * DAYS))
        assert status(tmp_path)[0] == WRONG
    finally:
        HERE[0] = before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "CVE-2026-2"}, "gibt es hier nicht"),
        ({"until": date(2026, 11, 25)}, "höchstens 90 Tage"),
        ({"until": date(2027, 2, 25)}, "höchstens 90 Tage"),
        ({"reason": "  "}, "den Grund"),
        ({"by": ""}, "wer dafür einsteht"),
    ],
)
def test_nothing_is_put_off_for_ever_without_a_reason_or_by_nobody(
    tmp_path: Path, compare: Callable[..., None], wrong: dict[str, Any], words: str
) -> None:
    compare(hole("CRITICAL", NOW - 10 * DAYS))

    with pytest.raises(NotAccepted, match=words):
        accept(tmp_path, **wrong)
    assert status(tmp_path)[0] == WRONG


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "{}", '{"tried": "gestern"}', '{"tried": "2026-11-26", "failed": ""}']
)
def test_a_memory_that_cannot_be_read_is_not_green(tmp_path: Path, compare: Callable[..., None], content: str) -> None:
    compare()
    (tmp_path / "updates" / "state.json").write_text(content)

    assert status(tmp_path, production=True) == (WRONG, "noch nie verglichen")
    compare()
    assert status(tmp_path)[0] == GOOD


def test_the_memory_is_for_its_owner_alone(tmp_path: Path, compare: Callable[..., None]) -> None:
    compare()

    folder = tmp_path / "updates"
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "state.json")] == [0o700, 0o600]


def test_in_production_what_is_installed_must_be_what_is_locked_and_the_lock_not_old(
    tmp_path: Path, compare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dentatool.operations.updates.lock import Lock

    compare()

    def with_lock(changed: datetime | None, **named: str) -> str:
        monkeypatch.setattr(module, "lock", lambda: Lock(changed, named, {}, frozenset()))
        return status(tmp_path, production=True)[0]

    assert with_lock(NOW - 59 * DAYS, django="5.2.3") == GOOD
    assert with_lock(NOW - 61 * DAYS, django="5.2.3") == WARNING
    assert with_lock(None, django="5.2.3") == WARNING
    assert with_lock(NOW, django="5.2.2") == WRONG
    assert with_lock(NOW) == WRONG
    monkeypatch.setattr(module, "lock", lambda: None)
    assert status(tmp_path, production=True)[0] == WARNING


def test_the_fresh_record_is_what_the_others_lean_on() -> None:
    assert datetime.fromisoformat(FRESH) < NOW
