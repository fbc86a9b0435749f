"""How long entries wait for their seal while two people write without a pause, and what the writers notice of it."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import psycopg

from dentatool.project.bench.measuring import quantile
from dentatool.project.bench.scene import Scene
from dentatool.project.console import Failure

_LOOK_S, _BACKLOG_S = 1.0, 900.0
# The worker's own sealer at its own pace, without the worker's other work, which would be measured too.
_SEALER = (
    "from threading import Event; from dentatool.project.instance import start_django; start_django('worker');"
    " from dentatool.protection.audit.sealing import sealer; sealer().run(Event())"
)
_LAG = "select coalesce(extract(epoch from now() - min(oldest)), 0)::float8 from protection.door_unsealed_trails('5 minutes')"


def sealing_under_load(
    scene: Scene, link: psycopg.Connection, write: Callable[[], list[float]], seconds: float
) -> dict[str, Any]:
    """`write` sends some orders by two clients and gives the milliseconds of each. Without a sealer, with one, and without again.

    What was loaded is sealed before, and told as a rate; then the lag is looked at each second. In seconds and milliseconds.
    """
    begun = time.monotonic()
    sealer = subprocess.Popen([sys.executable, "-c", _SEALER], env=scene.instance.environment("worker"))
    try:
        loaded = _unsealed(link)
        _await_sealed(link, sealer)
        backlog_s = time.monotonic() - begun
    finally:
        sealer.terminate()
        sealer.wait()
    alone = _written_for(write, seconds / 2)  # half before and half after: what else the machine does changes
    before = _sealed(link)
    sealer = subprocess.Popen([sys.executable, "-c", _SEALER], env=scene.instance.environment("worker"))
    beside: list[float] = []
    lags: list[float] = []
    writer = Thread(target=lambda: beside.extend(_written_for(write, seconds)))
    try:
        _await_sealed(link, sealer)
        begun = time.monotonic()
        writer.start()
        while writer.is_alive():
            time.sleep(_LOOK_S)
            lags.append(_one(link, _LAG))
        took = time.monotonic() - begun
    finally:
        writer.join()
        sealer.terminate()
        sealer.wait()
    entries = _sealed(link) + _unsealed(link) - before
    after = _written_for(write, seconds / 2)
    return {
        "seconds": took, "orders": len(beside), "lag_p50_s": quantile(lags, 0.5), "lag_max_s": max(lags),
        "entries": entries, "backlog": loaded, "backlog_per_s": loaded / backlog_s,
        "alone_ms": statistics.median(alone), "after_ms": statistics.median(after),
        "alone_p95_ms": quantile([*alone, *after], 0.95),
        "beside_ms": statistics.median(beside), "beside_p95_ms": quantile(beside, 0.95), "load": os.getloadavg()[0],
    }  # fmt: skip


def _written_for(write: Callable[[], list[float]], seconds: float) -> list[float]:
    taken, ending = list[float](), time.monotonic() + seconds
    while not taken or time.monotonic() < ending:
        taken += write()
    return taken


def _await_sealed(link: psycopg.Connection, sealer: "subprocess.Popen[bytes]") -> None:
    ending = time.monotonic() + _BACKLOG_S
    while _one(link, _LAG) > 0:
        if sealer.poll() is not None or time.monotonic() > ending:
            raise Failure("Das Versiegeln kommt nicht voran.")
        time.sleep(0.2)


def _unsealed(link: psycopg.Connection) -> int:
    entries, events = (_one(link, f"select count(*) from protection_{table}") for table in ("entry", "platformevent"))  # noqa: S608
    return int(entries + events) - _sealed(link)


def _sealed(link: psycopg.Connection) -> int:
    return int(_one(link, "select count(*) from protection_leaf"))


def _one(link: psycopg.Connection, question: str) -> float:
    ((found,),) = link.execute(question).fetchall()  # type: ignore[call-overload]
    return float(found)
