"""The samples of the last ninety days, in one file for each day under var/monitoring/samples: bounded, and readable
also while the database is away.

A line is one minute as JSON. After nine days, of each quarter of an hour the last minute stays, with the largest value
of each number beside it. A whole day of minutes is 1.5 MB, a thinned one 0.2 MB, all together about 30 MB.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from dentatool.operations.monitoring.measures import Sample

KEPT, WHOLE = timedelta(days=91), timedelta(days=9)
QUARTER_S = 900
_THIN = ".thin"


def folder_of(var: Path) -> Path:
    """Where the files are."""
    return var / "monitoring" / "samples"


def append(var: Path, sample: Sample) -> None:
    """Add the newest. OSError when the disk is full."""
    folder = folder_of(var)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = json.dumps({"at": round(sample.at.timestamp(), 3), **{k: _short(v) for k, v in sample.values.items()}})
    file = folder / f"{sample.at.date()}.jsonl"
    with open(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", encoding="ascii") as target:
        target.write(line + "\n")


def newest(var: Path) -> Sample | None:
    """The last one of today or yesterday."""
    for file in sorted(folder_of(var).glob("*.jsonl"), reverse=True)[:2]:
        with suppress(OSError), file.open("rb") as source:
            source.seek(max(0, source.seek(0, os.SEEK_END) - 8192))
            for line in reversed(source.read().splitlines()):
                if sample := _read(line):
                    return sample
    return None


def since(var: Path, moment: datetime) -> Iterator[Sample]:
    """All from then on, oldest first. A line that was cut off by a crash is passed over."""
    for file in sorted(folder_of(var).glob("*.jsonl*")):
        if file.name[:10] < str(moment.date()):
            continue
        with suppress(OSError):
            for line in file.read_bytes().splitlines():
                if (sample := _read(line)) and sample.at >= moment:
                    yield sample


def tidy(var: Path, today: date) -> None:
    """Thin out what is older than nine days, drop what is older than ninety."""
    for file in sorted(folder_of(var).glob("*.jsonl*")):
        with suppress(ValueError, OSError):
            age = today - date.fromisoformat(file.name[:10])
            if age > KEPT:
                file.unlink()
            elif age > WHOLE and file.suffix == ".jsonl":
                _thin(file)


def _thin(file: Path) -> None:
    samples = filter(None, map(_read, file.read_bytes().splitlines()))
    unfinished = file.with_suffix(".unfinished")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as target:
        for _quarter, group in groupby(samples, key=lambda sample: int(sample.at.timestamp()) // QUARTER_S):
            several = list(group)
            largest = {
                name: max(s.values[name] for s in several if name in s.values) for s in several for name in s.values
            }
            line = {
                "at": several[-1].at.timestamp(),
                **several[-1].values,
                **{f"max:{k}": v for k, v in largest.items()},
            }
            target.write(json.dumps(line) + "\n")
    unfinished.rename(file.with_name(file.name + _THIN))
    file.unlink()


def _read(line: bytes) -> Sample | None:
    try:
        known = json.loads(line)
        return Sample(datetime.fromtimestamp(known.pop("at"), UTC), known)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        return None


def _short(value: float) -> float:
    return int(value) if value == int(value) else round(value, 4)
