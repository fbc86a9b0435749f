"""One check: read or download the advisories, compare them with what is installed, remember what came out, or that nothing did."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from dentatool.operations.updates.holes import Hole
from dentatool.operations.updates.installed import Component, fingerprint
from dentatool.operations.updates.matching import Match, Matcher, ecosystems_of
from dentatool.operations.updates.memory import Data, Known, Memory
from dentatool.operations.updates.reading import Advisory, Unusable, read, read_download
from dentatool.operations.updates.severity import severity_of
from dentatool.protection.outgoing import Blocked, Unanswered, fetch

SOURCES = "DENTATOOL_ADVISORIES"
LARGEST_DOWNLOAD, DOWNLOAD_S = 400_000_000, 900.0
_CLOCKS_APART = timedelta(days=1)


def sources() -> list[str]:
    """Where the advisories come from: files, folders, addresses; empty where nothing is set up."""
    return [each.strip() for each in os.environ.get(SOURCES, "").split(",") if each.strip()]


def check(var: Path, components: list[Component], given: list[str], now: datetime) -> Known:
    """Compare and remember. Raises Unusable, which is remembered too."""
    memory = Memory(var)
    try:
        holes, data = _compared(components, given, now)
    except Unusable as reason:
        memory.remember_failure(str(reason), now)
        raise
    return memory.remember(holes, fingerprint=fingerprint(components), data=data, now=now)


def _compared(components: list[Component], given: list[str], now: datetime) -> tuple[list[Hole], dict[str, Data]]:
    if not given:
        raise Unusable(f"Womit soll verglichen werden? Setzen Sie {SOURCES}, oder nennen Sie --advisories DATEI.")
    unknown = sorted(each.key for each in components if not each.version)
    if unknown:
        raise Unusable(
            f"Von {', '.join(unknown)} ist die Version nicht zu ermitteln; ohne sie ist nichts zu vergleichen."
        )
    matcher, data = Matcher(components), dict[str, Data]()
    wanted = {each.ecosystem for each in components}
    for source in given:
        for advisory in _advisories(source):
            matcher.take(advisory)
            for ecosystem in _ecosystems(advisory) & wanted:
                # A time to come says nothing about how old the data is.
                if advisory.modified <= now + _CLOCKS_APART:
                    before = data.get(ecosystem, Data(0, advisory.modified))
                    data[ecosystem] = Data(before.records + 1, max(before.newest, advisory.modified))
    for each in components:
        if each.is_covered and each.ecosystem not in data:
            raise Unusable(
                f"In den Meldungen ist keine für {each.ecosystem}; {each.key} und was sonst dazu gehört, wäre ungeprüft."
            )
    return [_hole(match, now) for match in matcher.matches()], data


def _advisories(source: str) -> Iterator[Advisory]:
    if "://" not in source:
        yield from read(Path(source))
        return
    try:
        answer = fetch(source, headers={"Accept": "application/zip"}, largest=LARGEST_DOWNLOAD, deadline_s=DOWNLOAD_S)
    except (Blocked, Unanswered) as reason:
        raise Unusable(f"{source}: lässt sich nicht herunterladen ({reason}).") from reason
    if answer.status != 200:
        raise Unusable(f"{source}: lässt sich nicht herunterladen (Antwort {answer.status}).")
    yield from read_download(source, answer.body)


def _ecosystems(advisory: Advisory) -> set[str]:
    return {name for each in advisory.affected for name in ecosystems_of(each.get("package") or {})}


def _hole(match: Match, now: datetime) -> Hole:
    published = [each.published for each in match.advisories if each.published]
    return Hole(
        component=match.component.key,
        version=match.component.version,
        names=tuple(sorted(match.names)),
        severity=severity_of(match.advisories, match.affected),
        seen=now,
        published=min(published) if published else None,
        fixed_in=match.fixed_in,
        is_certain=match.is_certain,
    )
