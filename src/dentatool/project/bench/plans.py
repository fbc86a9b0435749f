"""Looks at the plan of every statement of every list: it must not read a whole table, nor grow with the laboratories.

Statements are caught from the real pages; EXPLAIN (ANALYZE, BUFFERS) asks them again under the laboratory's pass.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dentatool.project.bench.capture import Statement, capture
from dentatool.project.bench.load import Measured

LISTS = (
    *(
        "/",
        "/auftraege/",
        "/auftraege/?status=alle",
        "/auftraege/?status=ueberfaellig",
        "/auftraege/?status=abzurechnen",
    ),
    *(
        "/patienten/",
        "/praxen/",
        "/rechnungen/",
        "/preise/",
        "/leistungen/",
        "/ketten/",
        "/protokoll/",
        "/protokoll/?topic=stammdaten",
    ),
)
_MOST_ROWS = 2_000  # what one list statement may touch: the master data of a large laboratory
_GROWTH, _FREE_PAGES = 1.5, 12  # an index gains a level now and then
# Known and accepted as long as only an index is read: (address, word in the statement) → why. Everything else fails.
ACCEPTED: dict[tuple[str, str], str] = {
    ("/patienten/", "count"): "the pager shows the number of patients; an index-only scan of the one laboratory",
}


@dataclass(slots=True)
class Seen:
    """One statement of a list: pages touched at each number of laboratories, and what is wrong with its plan."""

    address: str
    statement: str
    pages: dict[int, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        return {"address": self.address, "statement": self.statement, "pages": self.pages, "problems": self.problems}


class PlanWatch:
    """Collects over the stages of loading; `results` judges."""

    def __init__(self, measured: Measured, cookies: dict[str, str]) -> None:
        self._measured, self._cookies = measured, cookies
        self._seen: dict[tuple[str, int], Seen] = {}
        self._asked: dict[str, tuple[Statement, ...]] = {}

    def look(self, laboratories: int) -> None:
        """EXPLAIN everything at this number of laboratories."""
        for address in LISTS:
            if address not in self._asked:
                self._asked[address] = capture(self._cookies, address).statements
            for place, statement in enumerate(self._asked[address]):
                if not statement[0].lstrip("( ").upper().startswith("SELECT"):
                    continue
                seen = self._seen.setdefault((address, place), Seen(address, _short(statement[0])))
                plan = self._explain(statement)
                seen.pages[laboratories] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                seen.problems = list(_problems(plan, index_only_is_fine=_accepted(seen)))

    def _explain(self, statement: Statement) -> dict[str, Any]:
        from django.db import connection  # noqa: PLC0415

        from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

        with laboratory(self._measured.lab_id, actor=self._measured.account_id), connection.cursor() as cursor:
            cursor.execute(f"explain (analyze, buffers, format json) {statement[0]}", statement[1])
            (found,) = cursor.fetchone()
        return dict((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])

    def results(self) -> list[dict[str, Any]]:
        """Every statement with its pages and problems; growth is judged here, over all stages."""
        for seen in self._seen.values():
            first, last = seen.pages[min(seen.pages)], seen.pages[max(seen.pages)]
            if last > first * _GROWTH + _FREE_PAGES:
                seen.problems.append(f"wächst mit den Laboren: {first} → {last} Seiten")
        return [seen.result() for seen in self._seen.values()]


def _problems(plan: dict[str, Any], *, index_only_is_fine: bool = False) -> Iterator[str]:
    for node in _nodes(plan):
        kind, rows = node["Node Type"], int(node["Actual Rows"] * node["Actual Loops"])
        removed = int(node.get("Rows Removed by Filter", 0) * node["Actual Loops"])
        table = node.get("Relation Name", "")
        if kind == "Seq Scan" and rows + removed > _MOST_ROWS:
            yield f"liest die ganze Tabelle {table} ({rows + removed} Zeilen)"
        elif kind == "Index Only Scan" and index_only_is_fine:
            continue
        elif table and rows + removed > _MOST_ROWS:
            yield f"liest {rows + removed} Zeilen aus {table}"
        elif (
            kind in ("Sort", "Incremental Sort")
            and sum(int(below["Actual Rows"]) for below in node.get("Plans", [])) > _MOST_ROWS
        ):
            yield f"sortiert {sum(int(below['Actual Rows']) for below in node['Plans'])} Zeilen"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _accepted(seen: Seen) -> bool:
    return any(seen.address == address and word in seen.statement for address, word in ACCEPTED)


def _short(question: str) -> str:
    """Enough to find it again: its table and what it orders by."""
    found = re.search(r' FROM "(\w+)"', question)  # keys looked up one by one stand around their table
    table = found[1] if found else ""
    order = question.rpartition(" ORDER BY ")[2].replace('"', "")[:60] if " ORDER BY " in question else ""
    what = "count " if "COUNT(" in question.upper() else ""
    return f"{what}{table}{' by ' + order if order else ''}"
