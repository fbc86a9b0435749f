"""Which advisories concern what is installed: the evaluation that the OSV schema prescribes, with PEP 440's order.

Whatever cannot be decided counts as affected and says so: a range of git commits alone, a version that nobody can read.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from dentatool.operations.updates.debian import parsed_by_debian
from dentatool.operations.updates.installed import PYPI, Component
from dentatool.operations.updates.reading import Advisory

_VERSIONED = ("SEMVER", "ECOSYSTEM")
Reader = Callable[[Any], Any]  # a version that can be ordered, or None for what is none


@dataclass(frozen=True, slots=True)
class Match:
    """One hole in one component, under all its names. `is_certain`: false where nobody could decide."""

    component: Component
    advisories: list[Advisory]
    affected: list[dict[str, Any]]
    is_certain: bool

    @property
    def names(self) -> frozenset[str]:
        """Every name that the hole goes by."""
        return frozenset().union(*(each.names for each in self.advisories))

    @property
    def fixed_in(self) -> str:
        """The lowest version above ours without it; empty where there is none."""
        parse = _reader_of(self.component)
        ours, found = parse(self.component.version), []
        for each in self.affected:
            for part in _versioned(each):
                found += [version for event in part.get("events") or [] if (version := parse(event.get("fixed")))]
        above = [version for version in found if ours is None or version > ours]
        return str(min(above)) if above else ""


class Matcher:
    """Takes in advisories one by one, keeps those about our components, and says in the end what is open."""

    def __init__(self, components: Iterable[Component]) -> None:
        self._components = list(components)
        self._by_name: dict[tuple[str, str], list[Component]] = {}
        self._by_source: dict[str, list[Component]] = {}
        for each in self._components:
            self._by_name.setdefault((each.ecosystem, each.name), []).append(each)
            if each.source:
                self._by_source.setdefault(each.source, []).append(each)
        self._about: dict[Component, list[tuple[Advisory, list[dict[str, Any]]]]] = {}

    def take(self, advisory: Advisory) -> None:
        """Keep it if it is about us and still stands."""
        if advisory.is_withdrawn:
            return
        about: dict[Component, list[dict[str, Any]]] = {}
        for affected in advisory.affected:
            for component in self._components_of(affected):
                about.setdefault(component, []).append(affected)
        for component, parts in about.items():
            self._about.setdefault(component, []).append((advisory, parts))

    def matches(self) -> list[Match]:
        """What concerns the installed versions; of several names of one hole one match."""
        return [match for component, found in self._about.items() for match in _judged(component, found)]

    def _components_of(self, affected: dict[str, Any]) -> Iterator[Component]:
        package = affected.get("package") or {}
        if package:
            name = str(package.get("name") or "")
            for ecosystem in ecosystems_of(package):
                known_as = canonicalize_name(name) if ecosystem == PYPI else name
                yield from self._by_name.get((ecosystem, known_as), [])
            return
        sources = {_source(part.get("repo")) for part in affected.get("ranges") or []}
        for source in sources:
            yield from self._by_source.get(source, [])


def ecosystems_of(package: dict[str, Any]) -> set[str]:
    """`Debian:12` is a release with versions of its own; what else stands behind a colon tells no other versions apart."""
    whole = str(package.get("ecosystem") or "")
    return {whole, whole.partition(":")[0]}


def _source(repository: Any) -> str:
    return str(repository or "").partition("://")[2].lower().removesuffix("/").removesuffix(".git")


def _judged(component: Component, found: list[tuple[Advisory, list[dict[str, Any]]]]) -> Iterator[Match]:
    for group in _same_hole(found):
        parse = _reader_of(component)
        judged = [
            (advisory, each, affects(component.version, each, parse)) for advisory, parts in group for each in parts
        ]
        verdicts = [verdict for _, _, verdict in judged]
        # Who names versions settles it for a record of the same hole that names commits only.
        if True in verdicts or (None in verdicts and False not in verdicts):
            affected = [each for _, each, verdict in judged if verdict is not False]
            match = Match(component, [advisory for advisory, _ in group], affected, is_certain=True in verdicts)
            # What Debian has not closed it has judged itself, with reasons; there is nothing to install.
            if match.fixed_in or not component.is_debian:
                yield match


def _same_hole(found: list[tuple[Advisory, list[dict[str, Any]]]]) -> list[list[tuple[Advisory, list[dict[str, Any]]]]]:
    """Aliases hold both ways and onwards: A is B, B is C, so A is C."""
    groups: list[tuple[set[str], list[tuple[Advisory, list[dict[str, Any]]]]]] = []
    for advisory, parts in found:
        names, members = set(advisory.names), [(advisory, parts)]
        apart = []
        for other_names, others in groups:
            if names & other_names:
                names |= other_names
                members = others + members
            else:
                apart.append((other_names, others))
        groups = [*apart, (names, members)]
    return [members for _, members in groups]


def _reader_of(component: Component) -> Reader:
    return parsed_by_debian if component.is_debian else parsed


def affects(version: str, affected: dict[str, Any], parse: Reader | None = None) -> bool | None:
    """Whether this version is meant; None where that cannot be decided. `parse` reads versions that can be ordered."""
    parse = parse or parsed
    ours, listed, parts = parse(version), affected.get("versions") or [], list(_versioned(affected))
    if not listed and not parts:
        return None  # commits alone, or nothing at all
    if ours is None:
        return True if version and version in listed else None
    if any(_is_same(ours, version, each, parse) for each in listed):
        return True
    verdicts = [_in_range(ours, part.get("events") or [], parse) for part in parts]
    return True if True in verdicts else None if None in verdicts else False


def _versioned(affected: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (part for part in affected.get("ranges") or [] if part.get("type") in _VERSIONED)


def _is_same(ours: Any, version: str, listed: Any, parse: Reader) -> bool:
    theirs = parse(listed)
    return bool(listed == version if theirs is None else theirs.public == ours.public or theirs == ours)


def _in_range(ours: Any, events: list[dict[str, Any]], parse: Reader) -> bool | None:
    """The schema's own algorithm. An event that cannot be read leaves it undecided."""
    ordered: list[tuple[Any, int, str]] = []
    limits: list[Any] = []
    for event in events:
        ((kind, said),) = event.items() if len(event) == 1 else (("", ""),)
        version = parse(said)
        if kind == "limit":
            if said == "*" or (version is not None and ours < version):
                limits.append(None)
            elif version is None:
                return None
            else:
                limits.append(version)
        elif kind == "introduced" and said == "0":
            ordered.append((None, 2, kind))  # before every version
        elif kind not in ("introduced", "fixed", "last_affected") or version is None:
            return None
        else:
            # At one and the same version the end of one range comes before the beginning of the next.
            ordered.append((version, 2 if kind == "introduced" else 1, kind))
    if limits and None not in limits:
        return False
    is_in = False
    for version, _, kind in sorted(ordered, key=lambda each: (each[0] is not None, each[0] or ours, each[1])):
        if kind == "introduced" and (version is None or ours >= version):
            is_in = True
        elif version is not None and (
            (kind == "fixed" and ours >= version) or (kind == "last_affected" and ours > version)
        ):
            is_in = False
    return is_in


@lru_cache(maxsize=50_000)
def parsed(version: Any) -> Version | None:
    """A version in PEP 440's order; None for what is none. Numbers alone (SemVer, PostgreSQL) order the same way."""
    try:
        return Version(version)
    except (InvalidVersion, TypeError):
        return None
