"""make check: everything that can be judged without running the program for long.

Runs all steps even when one fails, so that one round shows everything. Exit code 1 if any failed.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def main() -> int:
    failed = [name for name, step in STEPS if not _run(name, step)]
    if failed:
        print(f"make check: {len(failed)} von {len(STEPS)} gescheitert: {', '.join(failed)}")
    return 1 if failed else 0


def _run(name: str, step: Callable[[], str]) -> bool:
    begun = time.monotonic()
    wrong = step()
    print(f"  {'✗' if wrong else '✓'} {name:<58} {time.monotonic() - begun:5.1f} s", flush=True)
    if wrong:
        print(wrong.rstrip() + "\n", flush=True)
    return not wrong


def _tool(*command: str, **environment: str) -> Callable[[], str]:
    """A program that says with its exit code whether all is well."""

    def step() -> str:
        done = subprocess.run(
            [BIN / command[0], *command[1:]],
            cwd=HERE,
            env={**os.environ, "PYTHONPATH": str(HERE / "src"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout + done.stderr or "failed without a word") if done.returncode else ""

    return step


def migrations_are_complete() -> str:
    """Every model change has its migration. Compares files, needs no database."""
    with tempfile.TemporaryDirectory() as var:
        return _tool(
            "python", "-W", "ignore::RuntimeWarning", "-m", "django", "makemigrations", "--check", "--dry-run",
            DENTATOOL_VAR=var, DJANGO_SETTINGS_MODULE="dentatool.project.settings",
        )()  # fmt: skip


# Written with gaps, so that this file does not accuse itself.
FORBIDDEN = {
    "a package source's host or URL (locks must work with any index)": r"--(extra-)?index-"
    r"url|--find-"
    r"links|files\.python"
    r"hosted|pypi\."
    r"org/simple",
    "a path of one machine": r"/(root|home|work)" r"/[a-z]",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE" r" KEY-----",
    "an unfinished merge": r"^(<{7}|>{7}) ",
}


def tracked_files_are_clean() -> str:
    """No registry host, no path of a developer's machine, no key, nothing that belongs to var/."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HERE, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        return "git ls-files failed: this check needs a clone"
    wrong = []
    for name in filter(None, listed.stdout.split("\0")):
        path = HERE / name
        if name.startswith((".venv/", "var/")) or path.suffix in (".pyc", ".key", ".pem"):
            wrong.append(f"{name}: must not be tracked")
        if not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for what, pattern in FORBIDDEN.items():
            for found in re.finditer(pattern, text, re.MULTILINE):
                line = text.count("\n", 0, found.start()) + 1
                wrong.append(f"{name}:{line}: {what}: {found.group()!r}")
    return "\n".join(wrong)


def documents_are_whole() -> str:
    """Links between documents lead somewhere, and what the README names exists."""
    wrong = []
    for document in [HERE / "README.md", *sorted((HERE / "docs").rglob("*.md"))]:
        text = document.read_text(encoding="utf-8") if document.exists() else ""
        if not text.strip():
            wrong.append(f"{document.relative_to(HERE)}: missing or empty")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in target and not target.startswith("mailto:") and not (document.parent / target).exists():
                wrong.append(f"{document.relative_to(HERE)}: broken link {target}")
    targets = re.findall(r"^([a-z-]+):", (HERE / "Makefile").read_text(), re.MULTILINE)
    for command in set(re.findall(r"`make ([a-z-]+)`", (HERE / "README.md").read_text())):
        if command not in targets:
            wrong.append(f"README.md names `make {command}`, which does not exist")
    return "\n".join(wrong)


def every_dependency_has_a_reason() -> str:
    """requirements/*.in and docs/decisions/dependencies.md name the same packages."""
    reasons = (HERE / "docs/decisions/dependencies.md").read_text(encoding="utf-8")
    lines = "\n".join((HERE / "requirements" / f"{name}.in").read_text() for name in ("run", "dev"))
    names = re.findall(r"^([a-z][a-z0-9-]*)", lines, re.MULTILINE)
    return "\n".join(
        f"docs/decisions/dependencies.md gives no reason for {name}" for name in names if f"`{name}`" not in reasons
    )


STEPS: list[tuple[str, Callable[[], str]]] = [
    ("ruff format", _tool("ruff", "format", "--check", "--quiet", ".")),
    ("ruff check", _tool("ruff", "check", "--quiet", ".")),
    ("Schichten (import-linter)", _tool("lint-imports", "--no-cache")),
    ("Typen (mypy)", _tool("mypy")),
    ("Migrationen vollständig", migrations_are_complete),
    ("Nichts Fremdes in den Dateien", tracked_files_are_clean),
    ("Dokumente", documents_are_whole),
    ("Abhängigkeiten begründet", every_dependency_has_a_reason),
]

if __name__ == "__main__":
    sys.exit(main())
