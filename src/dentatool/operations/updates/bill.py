"""The bill of materials of what is installed here, as CycloneDX 1.6: for customers, auditors and other people's scanners."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import PackageMetadata
from typing import Any
from uuid import uuid4

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from dentatool import __version__
from dentatool.operations.updates.installed import BITNAMI, PYPI, Component
from dentatool.operations.updates.lock import Lock

_CPE = {
    "python": "cpe:2.3:a:python:python", "postgresql": "cpe:2.3:a:postgresql:postgresql", "openssl": "cpe:2.3:a:openssl:openssl",
}  # fmt: skip
_LICENCES = {"python": "PSF-2.0", "postgresql": "PostgreSQL", "openssl": "Apache-2.0"}
_ROOT = f"dentatool@{__version__}"
_LONGEST_LICENCE = 120


def bill_of_materials(components: list[Component], locked: Lock | None, now: datetime) -> dict[str, Any]:
    """The whole document. What is not known is left out, never guessed."""
    packages = {each.name: _ref(each) for each in components if each.ecosystem == PYPI}
    needed = {_ref(each): sorted({packages[name] for name in _needs(each) if name in packages}) for each in components}
    others = {ref for needs in needed.values() for ref in needs}
    chosen = {packages[name] for name in locked.chosen if name in packages} if locked else set[str]()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": now.isoformat(),
            "lifecycles": [{"phase": "operations"}],
            "tools": {"components": [{"type": "application", "name": "dentatool", "version": __version__}]},
            "component": {"type": "application", "bom-ref": _ROOT, "name": "dentatool", "version": __version__},
        },
        "components": [_component(each, locked) for each in components],
        "dependencies": [
            {"ref": _ROOT, "dependsOn": sorted(ref for ref in needed if ref in chosen or ref not in others)},
            *({"ref": ref, "dependsOn": needs} for ref, needs in needed.items()),
        ],
    }


def _ref(component: Component) -> str:
    return f"{component.purl}#{component.used_by}" if component.used_by else component.purl


def _component(component: Component, locked: Lock | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library" if component.ecosystem == PYPI or component.used_by else "platform",
        "bom-ref": _ref(component),
        "name": component.name,
        "purl": component.purl,
        "licenses": _licences(component),
        "properties": _properties(component),
    }
    if component.version:
        found["version"] = component.version
        if component.ecosystem == BITNAMI:  # Debian's own versions mean nothing there
            found["cpe"] = f"{_CPE[component.name]}:{component.version}:*:*:*:*:*:*:*"
    if locked and locked.named.get(component.name) == component.version and component.ecosystem == PYPI:
        # One of these files was installed; pip has checked it against this list.
        hashes = [{"alg": "SHA-256", "content": each} for each in locked.hashes[component.name]]
        found["externalReferences"] = [{"type": "distribution", "url": component.purl, "hashes": hashes}]
    return {name: value for name, value in found.items() if value}


def _licences(component: Component) -> list[dict[str, Any]]:
    if component.package is None:
        known = _LICENCES.get(component.name)
        return [{"license": {"id": known}}] if known else []
    said = component.package.metadata
    if expression := _first(said, "License-Expression"):
        return [{"expression": expression}]
    classified = [
        each.rpartition("::")[2].strip() for each in said.get_all("Classifier") or [] if each.startswith("License ::")
    ]
    named = [each for each in classified if each != "OSI Approved"] or [
        line for line in _first(said, "License").splitlines()[:1] if 0 < len(line) <= _LONGEST_LICENCE
    ]
    return [{"license": {"name": each}} for each in named]


def _first(said: PackageMetadata, name: str) -> str:
    return next(iter(said.get_all(name) or []), "")


def _properties(component: Component) -> list[dict[str, str]]:
    found = []
    if component.used_by:
        found.append({"name": "dentatool:used-by", "value": component.used_by})
    if not component.version:
        found.append({"name": "dentatool:version", "value": "unknown"})
    if component.package is not None and (record := component.package.read_text("RECORD")):
        # The list of the installed files with the checksum of each.
        found.append({"name": "dentatool:record-sha256", "value": hashlib.sha256(record.encode()).hexdigest()})
    return found


def _needs(component: Component) -> Iterable[str]:
    for line in (component.package.requires if component.package else None) or []:
        try:
            need = Requirement(line)
        except InvalidRequirement:
            continue
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            yield canonicalize_name(need.name)
