"""Advisories as OSV publishes them (facts of real ones), and the components that they are compared with."""

from datetime import UTC, datetime
from typing import Any

from dentatool.operations.updates.installed import BITNAMI, PYPI, Component
from dentatool.operations.updates.matching import Matcher
from dentatool.operations.updates.reading import Advisory, read_download

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
FRESH = "2026-11-26T05:00:00Z"

DJANGO, CRYPTOGRAPHY = Component(PYPI, "django", "5.0.7"), Component(PYPI, "cryptography", "42.0.3")
SERVER, PYTHON = Component(BITNAMI, "postgresql", "18.3"), Component(BITNAMI, "python", "3.11.7")

# CVE-2024-42005: SQL injection in Django's JSONField, known to two databases.
PYSEC_DJANGO: dict[str, Any] = {
    "id": "PYSEC-2024-70",
    "modified": FRESH,
    "published": "2024-08-07T15:15:00Z",
    "aliases": ["CVE-2024-42005"],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "django", "purl": "pkg:pypi/django"},
            "ranges": [
                {
                    "type": "ECOSYSTEM",
                    "events": [
                        {"introduced": "4.2"},
                        {"fixed": "4.2.15"},
                        {"introduced": "5.0"},
                        {"fixed": "5.0.8"},
                    ],
                }
            ],
            "versions": ["4.2", "4.2.1", "5.0", "5.0.6", "5.0.7"],
        }
    ],
}
GHSA_DJANGO: dict[str, Any] = {
    "id": "GHSA-pv4p-cwwg-4rph",
    "modified": FRESH,
    "published": "2024-08-07T15:30:43Z",
    "aliases": ["CVE-2024-42005", "PYSEC-2024-70"],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "database_specific": {"severity": "CRITICAL"},
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Django"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "5.0"}, {"fixed": "5.0.8"}]}],
        }
    ],
}
# CVE-2024-26130: NULL pointer dereference in cryptography's PKCS12.
GHSA_CRYPTOGRAPHY: dict[str, Any] = {
    "id": "GHSA-6vqw-3v5j-54x4",
    "modified": FRESH,
    "published": "2024-02-21T18:08:01Z",
    "aliases": ["CVE-2024-26130", "PYSEC-2024-225"],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
    "database_specific": {"severity": "HIGH"},
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "cryptography"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "38.0.0"}, {"fixed": "42.0.4"}]}],
        }
    ],
}
# CVE-2026-6472: PostgreSQL's CREATE TYPE lacks a check. Bitnami counts 18.4 as 18.4.0.
BITNAMI_POSTGRESQL: dict[str, Any] = {
    "id": "BIT-postgresql-2026-6472",
    "modified": FRESH,
    "published": "2026-05-17T20:52:47.077Z",
    "aliases": ["CVE-2026-6472"],
    "affected": [
        {
            "package": {"ecosystem": "Bitnami", "name": "postgresql", "purl": "pkg:bitnami/postgresql"},
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:N"}],
            "ranges": [
                {
                    "type": "SEMVER",
                    "events": [
                        {"introduced": "0"},
                        {"fixed": "14.23.0"},
                        {"introduced": "15.0.0"},
                        {"fixed": "15.18.0"},
                        {"introduced": "18.0.0"},
                        {"fixed": "18.4.0"},
                    ],
                }
            ],
        }
    ],
    "database_specific": {"severity": "Medium"},
}
# CVE-2024-8088: the Python Software Foundation names commits, and no package.
PSF_PYTHON: dict[str, Any] = {
    "id": "PSF-0000-CVE-2024-8088",
    "modified": FRESH,
    "published": "2024-08-22T18:45:31.807Z",
    "aliases": ["CVE-2024-8088"],
    "affected": [
        {
            "ranges": [
                {
                    "type": "GIT",
                    "repo": "https://github.com/python/cpython",
                    "events": [{"introduced": "0"}, {"fixed": "795f2597a4be988e2bb19b69ff9958e981cb894e"}],
                }
            ]
        }
    ],
}
BITNAMI_PYTHON: dict[str, Any] = {
    "id": "BIT-python-2024-8088",
    "modified": FRESH,
    "published": "2024-08-24T07:15:00Z",
    "aliases": ["CVE-2024-8088"],
    "database_specific": {"severity": "High"},
    "affected": [
        {
            "package": {"ecosystem": "Bitnami", "name": "python"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "3.11.0"}, {"fixed": "3.11.10"}]}],
        }
    ],
}
# About nothing that is installed: fresh data that leaves us in peace.
ELSEWHERE: list[dict[str, Any]] = [
    {
        "id": f"TEST-{ecosystem}",
        "modified": FRESH,
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": "something-else"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
            }
        ],
    }
    for ecosystem in ("PyPI", "Bitnami")
]


def advisory(facts: dict[str, Any]) -> Advisory:
    """One record, through the same gate as all."""
    import json

    (found,) = read_download("Probe", json.dumps(facts).encode())
    return found


def found(component: Component, *records: dict[str, Any]) -> list[str]:
    """The holes that these records find in this component, `?` where nobody could decide."""
    matcher = Matcher([component])
    for record in records:
        matcher.take(advisory(record))
    return sorted(min(match.names) + ("" if match.is_certain else "?") for match in matcher.matches())


def about(name: str, *events: dict[str, str], ecosystem: str = "PyPI", **more: Any) -> dict[str, Any]:
    """A record about one range of one package."""
    affected = {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
    }
    return {"id": "X-1", "modified": FRESH, "affected": [affected | more]}
