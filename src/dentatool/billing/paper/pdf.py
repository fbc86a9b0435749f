"""The invoice as PDF/A and PDF/UA, from its snapshot: compiled in this process, in milliseconds, the same bytes every time.

Texts reach the template as data (JSON), never as markup. Only the fonts inside the compiler are used, so that the
paper looks the same on every machine; what they cannot show becomes a white square.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst

from dentatool.billing.models import Invoice
from dentatool.billing.paper.wording import words_of
from dentatool.billing.snapshot import content_of, snapshot_of

_HERE = Path(__file__).parent
_TEMPLATES = {1: "invoice.typ"}
# Archive (ISO 19005-3) and accessible (ISO 14289-1) at once: it costs nothing here.
STANDARDS = ["a-3a", "ua-1"]
_UNSHOWABLE = "□"
_PLAIN_SIGNS = "\u200b–—‘’‚“”„…€−□"


def pdf_of(invoice: Invoice) -> bytes:
    """The document. A draft's bears the word ENTWURF on every page and no number."""
    if invoice.is_issued:
        return render(words_of(snapshot_of(invoice)))
    return render(words_of(content_of(invoice, list(invoice.lines.all())), is_draft=True))


def file_name(invoice: Invoice) -> str:
    """``RE-2026-000001.pdf``; a draft is called after its order."""
    name = invoice.number or f"Entwurf-{invoice.order.number}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".pdf"


def render(words: Mapping[str, Any]) -> bytes:
    """Lay out prepared words (see wording). The date inside the file is that of the invoice."""
    try:
        return _compile(words, _showable(words, _has_shape))
    except typst.TypstError:
        # Marks and letters that each have a shape may have none together (Hebrew points on Latin letters).
        return _compile(words, _showable(words, _is_plain))


def _compile(words: Mapping[str, Any], shown: Any) -> bytes:
    year, month, day = words["day"]
    return typst.compile(
        _HERE / _TEMPLATES[words["template"]],
        root=_HERE,
        ignore_system_fonts=True,
        sys_inputs={"words": json.dumps(shown, ensure_ascii=False)},
        pdf_standards=STANDARDS,
        timestamp=int(datetime(year, month, day, 12, tzinfo=UTC).timestamp()),
    )


def _showable(value: Any, can_show: Callable[[int], bool]) -> Any:
    """PDF/A refuses what no font can draw (emoji, Chinese): a white square stands for it on the paper.

    The snapshot keeps the letter.
    """
    if isinstance(value, str):
        return value if value.isascii() else "".join(each if can_show(ord(each)) else _UNSHOWABLE for each in value)
    if isinstance(value, Mapping):
        return {name: _showable(item, can_show) for name, item in value.items()}
    if isinstance(value, list):
        return [_showable(item, can_show) for item in value]
    return value


def _is_plain(code: int) -> bool:
    """Latin letters of Europe and the signs of German typography."""
    return code <= 0x17F or chr(code) in _PLAIN_SIGNS


def _has_shape(code: int) -> bool:
    starts, ends = _letters()
    place = bisect_right(starts, code) - 1
    return place >= 0 and code <= ends[place]


@cache
def _letters() -> tuple[list[int], list[int]]:
    """First and last code point of each run of letters that the compiler's own fonts can draw (found by trying each)."""
    runs = json.loads((_HERE / "letters.json").read_text())
    return [first for first, _last in runs], [last for _first, last in runs]
