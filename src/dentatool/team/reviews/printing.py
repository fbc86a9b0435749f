"""The form of a review's report: words into a PDF. Knows neither Django nor whose accesses were reviewed."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

_HERE = Path(__file__).parent


def printed(words: dict[str, Any], at: datetime) -> bytes:
    """The PDF of these words (report.typ names them); the table has seven columns."""
    return typst.compile(
        _HERE / "report.typ",
        root=_HERE,
        ignore_system_fonts=True,
        sys_inputs={"words": json.dumps(words, ensure_ascii=False)},
        timestamp=int(at.timestamp()),
    )
