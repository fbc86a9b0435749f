"""Compare two files by meaning."""

from __future__ import annotations

from typing import Final

from dentatool.billing.kzbv_xml.reading import read
from dentatool.billing.kzbv_xml.report import Finding, Refused
from dentatool.billing.kzbv_xml.schema import XSI

_IGNORED: Final = frozenset(
    {"Laborsoftwarehersteller", "Laborsoftware", "Laborsoftwareversion", XSI + "noNamespaceSchemaLocation"}
)


def same_meaning(first: bytes, second: bytes) -> bool:
    """Whether two files say the same: elements in order and attributes, without software names, schema hint and layout.

    :raises Refused: when one of them cannot be read.
    """
    return _meaning(first) == _meaning(second)


def _meaning(data: bytes) -> list[tuple[str, int, dict[str, str]]]:
    root = read(data)
    if isinstance(root, Finding):
        raise Refused((root,))
    return [
        (
            str(node.tag),
            sum(1 for _ in node.iterancestors()),
            {str(name): str(value) for name, value in node.attrib.items() if name not in _IGNORED},
        )
        for node in root.iter("*")
    ]
