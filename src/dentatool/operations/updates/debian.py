"""What Debian built and keeps: its own versions, its own order of them, as dpkg on this machine knows both.

Debian closes holes without raising the version that a program says of itself (3.11.2 stays 3.11.2). Compared by that
number it would have holes for ever.
"""

import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache, total_ordering
from pathlib import Path
from typing import Any

_STATUS = Path("/var/lib/dpkg/status")
_DPKG_S = 10.0


@dataclass(frozen=True, slots=True)
class FromDebian:
    """The source package and version that a file came with; `ecosystem` as advisories call the release."""

    ecosystem: str
    name: str
    version: str


def from_debian(file: Path) -> FromDebian | None:
    """None where the file belongs to no package of Debian. Changes when something is installed."""
    try:
        return _from_debian(file.resolve(), _STATUS.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=32)
def _from_debian(file: Path, changed: int) -> FromDebian | None:
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    number = re.search(r'^VERSION_ID="?(\d+)"?$', release, re.MULTILINE)
    if number is None or not re.search(r"^ID=debian$", release, re.MULTILINE):
        return None
    owner = _said("dpkg-query", "--search", str(file)).partition(": ")[0]
    if not owner or "," in owner:
        return None
    name, _, version = _said(
        "dpkg-query", "--show", "--showformat=${source:Package} ${source:Version}", owner
    ).partition(" ")
    return FromDebian(f"Debian:{number[1]}", name, version) if version else None


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DPKG_S)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@total_ordering
@dataclass(frozen=True, slots=True)
class DebianVersion:
    """Ordered by dpkg itself."""

    text: str

    def __lt__(self, other: "DebianVersion") -> bool:
        return _is_older(self.text, other.text)

    def __str__(self) -> str:
        return self.text

    @property
    def public(self) -> str:
        """The same as all of it: there is no local part."""
        return self.text


def parsed_by_debian(text: Any) -> DebianVersion | None:
    """None for what is no version."""
    is_one = isinstance(text, str) and re.fullmatch(r"(\d+:)?\d[A-Za-z0-9.+~-]*", text)
    return DebianVersion(text) if is_one else None


@lru_cache(maxsize=10_000)
def _is_older(one: str, other: str) -> bool:
    done = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False, timeout=_DPKG_S)  # noqa: S607
    return done.returncode == 0
