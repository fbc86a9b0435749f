"""The benchmark runs as a whole in a tiny size, and what it reports is computed from what it measured."""

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import pytest

from dentatool.project.bench.measuring import TARGET_RATIO, Duel, quantile
from dentatool.project.bench.plans import PlanWatch, Seen, _problems
from dentatool.project.bench.sizes import FULL, QUICK, Sizes

WORKLOADS = {"Auftragsliste", "Auftragsseite", "Auftrag anlegen", "Patientensuche"}


def test_a_ratio_is_that_of_the_medians_of_all_rounds() -> None:
    duel = Duel("Probe", lambda: time.sleep(0.004), lambda: time.sleep(0.001), statements=1)
    for _ in range(3):
        duel.round()
    found = duel.result()
    assert found["ratio"] == statistics.median(duel.ours_s) / statistics.median(duel.raw_s)
    assert found["ratio"] > TARGET_RATIO
    assert found["met"] is False


def test_a_percentile_is_one_of_the_values_measured() -> None:
    assert quantile([5.0, 1.0, 3.0, 2.0, 4.0], 0.95) == 5.0
    assert quantile([5.0, 1.0, 3.0, 2.0, 4.0], 0.5) == 3.0


def _node(kind: str, rows: int, *below: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"Node Type": kind, "Actual Rows": rows, "Actual Loops": 1, "Plans": list(below), **facts}


def test_a_plan_that_reads_a_whole_table_is_a_problem() -> None:
    scan = _node("Seq Scan", 25, **{"Relation Name": "orders_order", "Rows Removed by Filter": 1_000_000})
    assert list(_problems(_node("Limit", 25, scan))) == ["liest die ganze Tabelle orders_order (1000025 Zeilen)"]


def test_a_plan_that_sorts_a_whole_laboratory_is_a_problem() -> None:
    scan = _node("Index Scan", 1_900, **{"Relation Name": "orders_order"})
    assert list(_problems(_node("Sort", 25, scan, scan))) == ["sortiert 3800 Zeilen"]
    assert list(_problems(_node("Sort", 25, _node("Index Scan", 150, **{"Relation Name": "orders_order"})))) == []


@pytest.mark.parametrize("kind", ["Index Scan", "Bitmap Heap Scan", "Seq Scan"])
def test_a_count_is_accepted_only_while_it_reads_nothing_but_an_index(kind: str) -> None:
    table = {"Relation Name": "orders_patient"}
    count = _node("Aggregate", 1, _node("Index Only Scan", 20_000, **table))
    assert list(_problems(count, index_only_is_fine=True)) == []
    assert list(_problems(count)) == ["liest 20000 Zeilen aus orders_patient"]
    assert list(_problems(_node("Aggregate", 1, _node(kind, 20_000, **table)), index_only_is_fine=True)) != []


@pytest.mark.parametrize(
    ("pages", "is_wrong"), [({10: 20, 100: 21, 1000: 24}, False), ({10: 20, 100: 60, 1000: 400}, True)]
)
def test_a_statement_that_grows_with_the_laboratories_is_a_problem(pages: dict[int, int], is_wrong: bool) -> None:
    watch = PlanWatch.__new__(PlanWatch)
    watch._seen = {("/auftraege/", 0): Seen("/auftraege/", "orders_order", dict(pages))}
    (found,) = watch.results()
    assert bool(found["problems"]) is is_wrong


def test_sizes_are_what_the_documentation_says() -> None:
    assert (FULL.laboratories, FULL.orders, FULL.patients, FULL.stages) == (1_000, 1_000_000, 20_000, (10, 100, 1_000))
    assert (QUICK.laboratories, QUICK.orders) == (100, 50_000)
    assert Sizes(laboratories=3).stages == (2, 3)


@pytest.mark.slow
def test_the_bench_measures_everything_it_lists() -> None:
    """A whole run with four laboratories: its own cluster, the real server, every workload, every plan."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DENTATOOL_")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dentatool.project.cli", "bench", "--json", "--laboratories", "4"),
            *("--orders", "240", "--patients", "300", "--rounds", "1", "--requests", "3", "--sealing-s", "2"),
        ],
        env=clean | {"PYTHONPATH": os.pathsep.join(sys.path), "DENTATOOL_WORKERS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.lstrip().startswith("{"), done.stdout[-1500:] + done.stderr[-3000:]
    found = json.loads(done.stdout)
    # So few laboratories may well be read as a whole; the exit code must say so and nothing else.
    assert done.returncode == (1 if any(each["problems"] for each in found["plans"]) else 0)
    assert {each["name"] for each in found["database"]} == WORKLOADS | {
        "… Protokoll auch von Hand",
        "… samt Suche im Prozess",
    }
    for ours, by_hand in found["rows"].values():  # also after orders were taken in
        assert ours == by_hand > 0
    for each in found["database"]:
        assert each["ours_us"] > 0
        assert each["raw_us"] > 0
        assert each["ratio_on_one_core"] > 0
        assert each["ratio"] == pytest.approx(each["ours_us"] / each["raw_us"])
    assert {(each["name"], each["clients"]) for each in found["requests"]} == {
        (name, n) for name in WORKLOADS for n in (1, 2)
    }
    for each in found["requests"]:
        assert 0 < each["quietest_ms"] <= each["p95_ms"]
        raw_us = next(duel["raw_us"] for duel in found["database"] if duel["name"] == each["name"])
        assert each["times_raw"] == pytest.approx(each["median_ms"] * 1000 / raw_us)
    assert [each["name"] for each in found["api"]] == ["25 Aufträge", "ein Auftrag"]
    for each in found["api"]:
        assert 0 < each["per_s"] <= each["best_per_s"]
        assert each["median_ms"] > 0
    assert found["xml"]["ratio"] == pytest.approx(found["xml"]["raw_per_s"] / found["xml"]["database_per_s"])
    assert found["xml"]["files"] > 0
    assert len(found["search_cold_ms"]) == 3
    rotation = found["rotation"]
    assert rotation["rows"] >= 300 and rotation["values"] > rotation["rows"]
    assert rotation["rows_per_s"] == pytest.approx(rotation["rows"] / rotation["seconds"])
    sealing = found["sealing"]
    assert 0 <= sealing["lag_p50_s"] <= sealing["lag_max_s"] < sealing["seconds"] + 2
    assert sealing["orders"] >= 6 and sealing["entries"] > sealing["orders"] and sealing["backlog_per_s"] > 0
    assert sealing["alone_ms"] > 0 and sealing["beside_ms"] > 0
    backup = found["backup"]
    assert backup["megabytes"] > 10 and min(backup.values()) > 0
    assert backup["backup_ratio"] == pytest.approx(backup["basebackup_mb_per_s"] / backup["backup_mb_per_s"])
    assert backup["restore_ratio"] == pytest.approx(backup["pg_restore_mb_per_s"] / backup["restore_mb_per_s"])
    assert {each["address"] for each in found["plans"]} >= {"/auftraege/", "/patienten/", "/rechnungen/"}
