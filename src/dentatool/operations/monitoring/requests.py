"""Every request counted, with its time, by view and status: for a few microseconds, right over all processes.

Each process of the web server has a file of its own, mapped into memory, which nobody else writes: counting is adding to
two numbers. A process that starts takes over a file whose process has ended and goes on from there, so that no counter
ever falls and there are never more files than processes at once. Nothing but names of views and codes of states is in it.

How it could be broken: by more than `MOST_PROCESSES` at once (the others are not counted), and by another version with
other views, which begins at nothing, as Prometheus expects of a restart.
Tests that try: tests/operations/monitoring/test_requests.py.
"""

import fcntl
import mmap
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from struct import Struct

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver

MOST_PROCESSES = 64
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STATUSES = (
    200,
    201,
    204,
    301,
    302,
    303,
    304,
    400,
    401,
    403,
    404,
    405,
    409,
    410,
    412,
    413,
    415,
    422,
    429,
    500,
    502,
    503,
)
NO_VIEW, OTHER = "-", 0  # what no address of ours served (files, unknown addresses); a status that is not on the list
_STATUS_PLACE = {status: place for place, status in enumerate((OTHER, *STATUSES))}
_ROW = 2 + len(BUCKETS_S)  # seconds, then one count for each bucket and one for what took longer
_PER_VIEW = _ROW * len(_STATUS_PLACE)
_HEAD = 64  # bytes: which layout this is
_PACKED, _NOTHING = Struct(f"{_ROW}d"), (0.0,) * _ROW
_NO_ROW, _NO_VIEW = bytes(8 * _ROW), bytes(8 * _PER_VIEW)


@dataclass(frozen=True, slots=True)
class Counted:
    """The requests of one view with one status: how many took up to each of BUCKETS_S, or longer, and seconds in all."""

    view: str
    status: int
    seconds: float
    buckets: tuple[int, ...]

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.buckets)


class Counters:
    """The numbers of one process, in the first file that no living process holds."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._places = {view: place * _PER_VIEW for place, view in enumerate(views())}
        self._cells: memoryview[float] | None = None
        with suppress(OSError):  # a full disk counts nothing; pages are served all the same
            self._cells = self._claim(folder)

    def add(self, view: str, status: int, seconds: float) -> None:
        """One more request."""
        if self._cells is None:
            return
        place = self._places.get(view, 0) + _STATUS_PLACE.get(status, 0) * _ROW
        bucket = place + 1 + bisect_left(BUCKETS_S, seconds)
        with self._lock:
            self._cells[place] += seconds
            self._cells[bucket] += 1.0

    def _claim(self, folder: Path) -> "memoryview[float] | None":
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = _HEAD + 8 * _PER_VIEW * len(self._places)
        for number in range(MOST_PROCESSES):
            self._file = os.open(folder / f"{number:02}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._file)
                continue
            if os.pread(self._file, _HEAD, 0) != _layout() or os.fstat(self._file).st_size != size:
                os.ftruncate(self._file, 0)
                os.posix_fallocate(self._file, 0, size)  # a hole that cannot be filled later would end the process
                os.pwrite(self._file, _layout(), 0)
            return memoryview(mmap.mmap(self._file, size))[_HEAD:].cast("d")
        return None


class Counting:
    """Middleware around all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = self._get_response(request)
        match = request.resolver_match
        own_counters().add(match.view_name if match else NO_VIEW, response.status_code, time.perf_counter() - begun)
        return response


@cache
def own_counters() -> Counters:
    """Of this process; made at its first request, when it has been forked."""
    return Counters(folder_of(Path(settings.DENTATOOL_VAR)))


def folder_of(var: Path) -> Path:
    """Where the files are."""
    return var / "monitoring" / "requests"


def counted(folder: Path) -> list[Counted]:
    """What all processes have counted, those that have ended included. Some milliseconds."""
    names = views()
    size = _HEAD + 8 * _PER_VIEW * len(names)
    total: dict[int, list[float]] = {}
    for file in sorted(folder.glob("[0-9][0-9]")) if folder.is_dir() else []:
        content = file.read_bytes()
        if content[:_HEAD] != _layout() or len(content) != size:
            continue
        for row, numbers in _rows(content[_HEAD:]):
            total[row] = [one + other for one, other in zip(total.get(row, _NOTHING), numbers, strict=True)]
    statuses = tuple(_STATUS_PLACE)
    return [
        Counted(names[row // len(statuses)], statuses[row % len(statuses)], seconds, tuple(map(int, buckets)))
        for row, (seconds, *buckets) in sorted(total.items())
    ]


def _rows(content: bytes) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Number and content of each row that is not empty; most are, so whole views are passed over at once."""
    for view in range(0, len(content), 8 * _PER_VIEW):
        if content[view : view + 8 * _PER_VIEW] != _NO_VIEW:
            for start in range(view, view + 8 * _PER_VIEW, 8 * _ROW):
                if content[start : start + 8 * _ROW] != _NO_ROW:
                    yield start // (8 * _ROW), _PACKED.unpack_from(content, start)


@cache
def views() -> tuple[str, ...]:
    """The names of all views; the first stands for what no view served."""

    def walk(prefix: str, patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from walk(f"{prefix}{entry.namespace}:" if entry.namespace else prefix, entry.url_patterns)
            else:
                yield prefix + (entry.name or entry.lookup_str)

    return (NO_VIEW, *sorted(set(walk("", get_resolver().url_patterns))))


@cache
def _layout() -> bytes:
    return sha256(repr((views(), tuple(_STATUS_PLACE), BUCKETS_S)).encode()).hexdigest().encode()
