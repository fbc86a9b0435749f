"""The order of a run: found, load in stages while watching plans, then measure in rounds."""

import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

import psycopg

from dentatool.project.bench import load, plain
from dentatool.project.bench.backups import backup_speed
from dentatool.project.bench.browsing import Program, Visitor, send
from dentatool.project.bench.capture import Captured, capture
from dentatool.project.bench.client import Request
from dentatool.project.bench.measuring import (
    Duel,
    call_duel,
    door_seconds,
    forget,
    page_duel,
    placed,
    quantile,
    writing_duel,
)
from dentatool.project.bench.plans import PlanWatch
from dentatool.project.bench.rotating import rotation_speed
from dentatool.project.bench.scene import Scene
from dentatool.project.bench.sealing import sealing_under_load
from dentatool.project.bench.sizes import Sizes
from dentatool.project.bench.xml_speed import xml_speed
from dentatool.project.console import Failure, step

TARGETS_MS = {"Auftragsliste": 5.0, "Auftragsseite": 6.0, "Auftrag anlegen": 7.0, "Patientensuche": 12.0}
_WARM = 6
# New ones in each round: two in one process take turns, and the kernel deals by chance.
_CONNECTIONS = 3
# Before the first round, by four connections: each process plans a statement eleven times before it keeps the plan.
_ROUSED = 3
# A search asks for what changed in the last ten seconds: in no laboratory are that a hundred new patients.
_CALM_S = 11.0


def run(sizes: Sizes, *, quiet: bool) -> dict[str, Any]:
    """Everything measured, as plain data."""
    _require_space(sizes)
    told = (lambda _what: nullcontext()) if quiet else step
    begun, load_before = datetime.now().astimezone(), os.getloadavg()[0]
    with told("Wegwerfinstallation mit dauerhaften Einstellungen"):
        scene = Scene().__enter__()
    try:
        with told("Gemessenes Labor: Patienten, Aufträge, Rechnungen"):
            measured = load.found_measured(sizes)
        with told("Webserver"):
            scene.start_server()
        visitor, link = Visitor(scene.instance.port), scene.superuser()
        watch = PlanWatch(measured, visitor.cookies)
        present = 1
        for stage in sizes.stages:
            with told(f"Laden bis {stage} Labore, Pläne ansehen"):
                load.add_laboratories(link, measured.lab_id, stage - present)
                link.execute("vacuum analyze")  # as autovacuum does: without it no scan is index-only
                present = stage
                watch.look(stage)
        with told("Dieselben Daten ohne Schutz"):
            plain.build_plain_tables(link, measured)
            link.execute("vacuum analyze")
        bench = _Bench(sizes, scene, visitor, measured, link)
        with told(f"Messen in {sizes.rounds} Runden"):
            facts = bench.measure()
        with told(f"Siegel unter Last, zweimal {sizes.sealing_s} s"):
            facts["sealing"] = sealing_under_load(scene, link, bench.write_orders, sizes.sealing_s)
        (version,) = link.execute("show server_version").fetchone() or ("?",)
        link.close()
        with told("Sichern und wiederherstellen"):
            scene.stop_server()
            facts["backup"] = backup_speed(scene)  # last: another server, and everything once more on the disk
        return {
            "date": f"{begun:%Y-%m-%d %H:%M}",
            "seconds": time.time() - begun.timestamp(),
            "laboratories": sizes.laboratories,
            "orders": sizes.laboratories * sizes.orders_each,
            "patients": sizes.patients,
            "rounds": sizes.rounds,
            "cpus": os.cpu_count(),
            "postgres": f"PostgreSQL {version}, Python {platform.python_version()}",
            "load_before": load_before,
            "load_after": os.getloadavg()[0],
            **facts,
            "plans": watch.results(),
        }
    finally:
        scene.close()


def _require_space(sizes: Sizes) -> None:
    """A million orders with all that belongs to them, once protected and once plain, take some eight gigabytes."""
    needed = 1_000_000_000 + sizes.orders * 9_000
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise Failure(
            f"Für die Messung fehlt Platz: {needed / 1e9:.0f} GB werden gebraucht, {free / 1e9:.1f} GB sind frei. "
            "Kleiner messen: dentatool bench --quick, oder TMPDIR auf eine größere Platte zeigen lassen."
        )


class _Bench:
    """All duels and requests of one run."""

    def __init__(
        self, sizes: Sizes, scene: Scene, visitor: Visitor, measured: load.Measured, link: psycopg.Connection
    ) -> None:
        self.sizes, self.scene, self.visitor, self.measured, self.link = sizes, scene, visitor, measured, link
        self.fragment = _fragment(measured)
        self.order_id = _open_order(measured)
        self._created = 0

    def measure(self) -> dict[str, Any]:
        """Rounds of duels and requests in turn, then what needs a restart."""
        duels, door = self._duels()
        for duel in duels:
            duel.warm()
        with plain.followed(self.link, self.measured):
            for name, _again in product(TARGETS_MS, range(_ROUSED)):
                self._requests(name, 4)
        # What was loaded is on the disk then, and no longer being written beside the measurement.
        self.link.execute("checkpoint")
        taken: dict[tuple[str, int], list[list[float]]] = {}
        calm_at = time.monotonic() + _CALM_S
        for _ in range(self.sizes.rounds):
            time.sleep(max(0.0, calm_at - time.monotonic()))
            for duel in duels:
                duel.renew()
            for near in (False, True):
                with self._placed(near=near):
                    for duel in duels:
                        (duel.round_near if near else duel.round)()
            with plain.followed(self.link, self.measured):
                for name, clients, _again in product(TARGETS_MS, (1, 2), range(_CONNECTIONS)):
                    taken.setdefault((name, clients), []).append(self._requests(name, clients))
            calm_at = time.monotonic() + _CALM_S
        results = [duel.result() for duel in duels]
        return {
            "database": results,
            "door_us": door * 1e6,
            "rows": plain.rows_of_both(self.link, self.measured),
            "api": [self._api_result(name, address) for name, address in self._api_addresses().items()],
            "requests": [_request_result(name, clients, rounds, results) for (name, clients), rounds in taken.items()],
            "xml": xml_speed(self.measured, self.link, self.sizes.rounds),
            "search_cold_ms": self._cold_searches(),
            "rotation": rotation_speed(self.scene.instance, self.measured.lab_id),  # last: it rewrites every row
        }

    def _duels(self) -> tuple[list[Duel], float]:
        measured, link, cookies = self.measured, self.link, self.visitor.cookies
        lab = measured.lab_id
        search = self._search_page()  # first, so that keys are in memory for all of them
        worklist = capture(cookies, "/auftraege/")
        order_page = capture(cookies, f"/auftraege/{self.order_id}/")
        with _taken_back(link, lab):  # the first one fetches the keys, which a server holds for minutes
            capture(cookies, "/auftraege/neu/", self.visitor.new_order(0))
        with _taken_back(link, lab):
            creating = capture(cookies, "/auftraege/neu/", self.visitor.new_order(0))
        door = door_seconds(worklist, self.sizes.rounds)
        return [
            page_duel("Auftragsliste", worklist, plain.worklist(lab), measured, link),
            page_duel("Auftragsseite", order_page, plain.order_page(lab, self.order_id), measured, link),
            writing_duel("Auftrag anlegen", creating, plain.create_order(lab), measured, link),
            writing_duel("… Protokoll auch von Hand", creating, plain.create_order(lab, trail=True), measured, link),
            page_duel("Patientensuche", search, plain.search(lab, self.fragment), measured, link, self._search_page),
            call_duel("… samt Suche im Prozess", self._search, plain.search(lab, self.fragment), measured, link),
        ], door

    def _placed(self, *, near: bool) -> AbstractContextManager[None]:
        from django.db import connection  # noqa: PLC0415

        return placed([connection.connection.info.backend_pid, self.link.info.backend_pid], near=near)

    def _search_page(self) -> Captured:
        """Served a second time: the names are in memory then, the newest too, as in a server that runs."""
        address = f"/patienten/?suche={self.fragment}"
        capture(self.visitor.cookies, address)
        return capture(self.visitor.cookies, address)

    def _search(self) -> None:
        from dentatool.orders.models import Patient  # noqa: PLC0415
        from dentatool.orders.patient_pages import patients_found  # noqa: PLC0415

        found = patients_found(Patient.objects.select_related("practice"), self.fragment)
        assert len(found) > 0
        for patient in found[:25]:
            assert patient.name

    def _requests(self, name: str, clients: int) -> list[float]:
        """Milliseconds of each request, by so many clients at once, each with a connection of its own."""
        count = self.sizes.requests
        address = {
            "Auftragsliste": "/auftraege/",
            "Auftragsseite": f"/auftraege/{self.order_id}/",
            "Patientensuche": f"/patienten/?suche={self.fragment}",
        }.get(name)
        if address:
            plans: list[list[Request]] = [[("GET", address, "")] * count for _ in range(clients)]
            warm = plans[0][:_WARM]
        else:
            plans, warm = [self._new_orders(count) for _ in range(clients)], self._new_orders(_WARM)
        return [ms for taken in send(self.visitor, plans, warm) for ms in taken]

    def _api_addresses(self) -> dict[str, str]:
        return {"25 Aufträge": "/api/v1/orders", "ein Auftrag": f"/api/v1/orders/{self.order_id}"}

    def _api_result(self, name: str, address: str) -> dict[str, Any]:
        """Requests per second of a program's two connections; each request is counted against the limit of its token."""
        program, plan = (
            Program(self.visitor.port, load.new_token(self.measured)),
            [("GET", address, "")] * self.sizes.requests,
        )
        rounds = [send(program, [plan, plan], plan[:_WARM]) for _ in range(self.sizes.rounds)]
        rates = [len(plan) * len(taken) * 1000 / max(map(sum, taken)) for taken in rounds]
        return {
            "name": name,
            "median_ms": statistics.median(ms for taken in rounds for each in taken for ms in each),
            "per_s": statistics.median(rates),
            "best_per_s": max(rates),
        }

    def write_orders(self) -> list[float]:
        """Some orders by two clients at once; milliseconds of each."""
        return self._requests("Auftrag anlegen", 2)

    def _new_orders(self, count: int) -> list[Request]:
        from urllib.parse import urlencode  # noqa: PLC0415

        self._created += count
        return [
            ("POST", "/auftraege/neu/", urlencode(self.visitor.new_order(place)))
            for place in range(self._created - count + 1, self._created + 1)
        ]

    def _cold_searches(self) -> list[float]:
        """The first search of a freshly started server, several times."""
        cold = []
        for _ in range(3):
            self.scene.stop_server()
            self.scene.start_server()
            cold.append(send(self.visitor, [[("GET", f"/patienten/?suche={self.fragment}", "")]])[0][0])
        return cold


def _request_result(name: str, clients: int, rounds: list[list[float]], duels: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of the rounds' medians; the target is for two clients on two cores."""
    median = statistics.median(statistics.median(taken) for taken in rounds)
    target = TARGETS_MS[name] if clients == 2 else None
    raw_ms = next(duel["raw_us"] for duel in duels if duel["name"] == name) / 1000
    return {
        "name": name,
        "clients": clients,
        "median_ms": median,
        "quietest_ms": min(statistics.median(taken) for taken in rounds),
        "p95_ms": quantile([ms for taken in rounds for ms in taken], 0.95),
        "target_ms": target,
        "met": None if target is None else median <= target,
        "times_raw": median / raw_ms,
    }


def _fragment(measured: load.Measured) -> str:
    """Five letters from the middle of a surname, found in some dozens of names."""
    surname = measured.names[0][1].split()[1]
    return surname[1:6].lower()


def _open_order(measured: load.Measured) -> UUID:
    from dentatool.orders.models import Order  # noqa: PLC0415
    from dentatool.orders.workflow import State  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    with laboratory(measured.lab_id):
        return Order.objects.filter(state=State.RECEIVED).order_by("due_on", "id").values_list("pk", flat=True)[0]


@contextmanager
def _taken_back(link: psycopg.Connection, lab_id: UUID) -> Iterator[None]:
    """What is stored inside is deleted again, the order's number with it."""
    (since,) = link.execute("select clock_timestamp()").fetchone() or (None,)
    yield
    forget(link, lab_id, since)
