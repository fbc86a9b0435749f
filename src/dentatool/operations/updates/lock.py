"""How old the lock file of the dependencies is, and whether what is installed is what it names."""

import hashlib
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from dentatool.operations.updates.installed import PYPI, Component

PROGRAM = Path(__file__).resolve().parents[4]
# What brings the packages in, and the program itself.
_NOT_LOCKED = {"pip", "setuptools", "wheel", "dentatool"}
_GIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Lock:
    """`changed`: when the versions were last chosen anew; None where nobody can say. `named`: name to version.

    `chosen`: by us, the others came with them.
    """

    changed: datetime | None
    named: dict[str, str]
    hashes: dict[str, list[str]]
    chosen: frozenset[str]

    def deviations(self, components: Iterable[Component]) -> list[str]:
        """What is installed otherwise than locked, or not locked at all."""
        found = []
        for each in components:
            if each.ecosystem == PYPI and each.name not in _NOT_LOCKED and self.named.get(each.name) != each.version:
                found.append(f"{each.name} {each.version}")
        return found


def lock(program: Path = PROGRAM) -> Lock | None:
    """Of the environment that runs: the one for development where its packages are there. None without a lock file."""
    folder = program / "requirements"
    try:
        text = (folder / "run.lock").read_text(encoding="utf-8")
        wanted = (folder / "run.in").read_text(encoding="utf-8")
        whole = text + ((folder / "dev.lock").read_text(encoding="utf-8") if _is_for_development() else "")
    except OSError:
        return None
    named, hashes, name = dict[str, str](), dict[str, list[str]](), ""
    for line in whole.splitlines():
        if found := re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line):
            name = canonicalize_name(found[1])
            named[name], hashes[name] = found[2], []
        elif name and (hashed := re.search(r"--hash=sha256:([0-9a-f]{64})", line)):
            hashes[name].append(hashed[1])
    chosen = frozenset(canonicalize_name(each) for each in re.findall(r"^[a-z][a-z0-9-]*", wanted, re.MULTILINE))
    return Lock(_changed(program, folder / "run.lock"), named, hashes, chosen)


def _is_for_development() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("pytest") is not None


def _changed(program: Path, file: Path) -> datetime | None:
    """From git, else from the note that the build of a container leaves beside it, which holds for this content only."""
    if (program / ".git").exists():
        return _changed_in_git(program, file)
    try:
        sha256, moment = (file.parent / "run.lock.changed").read_text(encoding="utf-8").split()
        if sha256 == hashlib.sha256(file.read_bytes()).hexdigest():
            return datetime.fromisoformat(moment).astimezone(UTC)
    except (OSError, ValueError):
        pass
    return None


def _changed_in_git(program: Path, file: Path) -> datetime | None:
    def git(*command: str) -> str | None:
        try:
            done = subprocess.run(
                # The clone may belong to another account than the one that serves.
                ["git", "-c", f"safe.directory={program}", "-C", str(program), *command],  # noqa: S607
                capture_output=True, text=True, check=False, timeout=_GIT_S,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if (
        git("rev-parse", "--is-shallow-repository") != "false"
        or git("diff", "--quiet", "HEAD", "--", str(file)) is None
    ):
        return None  # a shallow clone dates everything from its first commit; an edited file has no date
    moment = git("log", "-1", "--format=%cI", "--", str(file))
    return datetime.fromisoformat(moment).astimezone(UTC) if moment else None
