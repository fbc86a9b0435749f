"""Reads the program for every event that it records, and for the names of the facts that go with it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3] / "src" / "dentatool"
RECORDERS = {"record_event", "record_platform_event", "note", "note_refusal"}


@dataclass
class Recorded:
    """One place that records an event. `name` is empty where it is put together when the program runs."""

    name: str
    place: str
    facts: set[str] = field(default_factory=set)


def everything_recorded() -> list[Recorded]:
    """In Python: calls of the recorders and what is laid into `after_rollback`; in SQL: the quoted names."""
    found = []
    for file in sorted(SOURCE.rglob("*.py")):
        place = str(file.relative_to(SOURCE))
        found += list(_in_python(ast.parse(file.read_text(encoding="utf-8")), place))
    for file in sorted(SOURCE.rglob("*.sql")):
        text = file.read_text(encoding="utf-8")
        names = re.findall(r"record_(?:platform_)?event\('([^']+)'", text) + re.findall(r"'event', '([^']+)'", text)
        found += [Recorded(name, str(file.relative_to(SOURCE))) for name in names]
    return found


def _in_python(tree: ast.AST, place: str) -> Iterator[Recorded]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        where = f"{place}:{node.lineno}"
        if called in RECORDERS and node.args:
            facts = {word.arg for word in node.keywords if word.arg} if called.startswith("record_") else set()
            for name in _texts(node.args[0]):
                yield Recorded(name, where, facts)
        elif called == "append" and "after_rollback" in ast.unparse(node.func) and isinstance(node.args[0], ast.Tuple):
            name, facts = node.args[0].elts
            keys = (
                {key.value for key in facts.keys if isinstance(key, ast.Constant)}
                if isinstance(facts, ast.Dict)
                else set()
            )
            for text in _texts(name):
                yield Recorded(text, where, keys)


def _texts(node: ast.expr) -> list[str]:
    """The constant, or both of an `a if … else b`; [""] for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    return [""]
