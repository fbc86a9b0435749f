"""Names and positions of segments of PostgreSQL's write-ahead log (16 MB each). Pure."""

import re

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_PER_FILE, _SIZE = 256, 1 << 24  # segments under one high word; bytes of each


def is_segment(name: str) -> bool:
    """Not a history file, a label or a partial segment."""
    return _SEGMENT.fullmatch(name) is not None


def position_of(name: str) -> int:
    """Its place in the log, whatever the timeline."""
    return int(name[8:16], 16) * _PER_FILE + int(name[16:24], 16)


def segment_at(lsn: str, timeline: int, *, before: bool = False) -> str:
    """The segment that holds this place ("0/2000028"); `before`: the one that holds the byte before it."""
    high, low = (int(part, 16) for part in lsn.split("/"))
    place = (high << 32) + low - (1 if before else 0)
    position = place // _SIZE
    return f"{timeline:08X}{position // _PER_FILE:08X}{position % _PER_FILE:08X}"
