"""The table in docs/sessions.md says what the program asks a fresh confirmation for, and nothing else."""

import re
from pathlib import Path

from dentatool.api.operation import Endpoint
from dentatool.protection.access.internal.gate import all_pages

TABLE = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text(encoding="utf-8")


def named(is_fresh: str) -> set[str]:
    rows = [line.split("|") for line in TABLE.splitlines() if re.match(rf"\|[^|]*\|[^|]*\| {is_fresh} \|", line)]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row[2])}


def test_the_table_and_the_program_agree():
    pages = [view for _address, view in all_pages() if not isinstance(view, Endpoint)]  # programs are asked for a token
    fresh = {view.__name__ for view in pages if view.page_fresh}
    others = {view.__name__ for view in pages if not view.page_fresh}

    assert named("yes") == fresh
    assert named("no") <= others
