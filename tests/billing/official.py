"""Where the official schemas and the example invoices lie, when they are there. They are not part of the repository."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from dentatool.billing.kzbv_xml.model import SCHEMA_FILES

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_official_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"NOT TESTED against the official schemas and invoices: {DATA} is missing"
)


@cache
def official_schema(version: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(DATA / "xsd" / SCHEMA_FILES[version])))


def example_files() -> list[Path]:
    return sorted((DATA / "invoices").glob("*.xml"))
