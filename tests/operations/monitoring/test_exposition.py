"""/metrics as Prometheus reads it, and for whom it exists."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from dentatool.operations.monitoring import series
from dentatool.operations.monitoring.exposition import CONTENT_TYPE, exposed
from dentatool.operations.monitoring.measures import MEASURES, Sample
from dentatool.operations.monitoring.sampling import Sampler
from dentatool.values.proxies import trusted_networks

VAR = Path(os.environ["DENTATOOL_VAR"])


def ask(**meta: str) -> Any:
    return Client(**{"REMOTE_ADDR": "127.0.0.1"} | meta).get("/metrics", secure=True)


def test_prometheus_reads_every_number_and_none_names_a_laboratory(database: dict, anna: Any) -> None:
    Client().get("/healthz", secure=True)
    Sampler(VAR).take()

    answer = ask()

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)
    text = answer.content.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name in (
        "load_1m", "memory_available_bytes", "disk_free_bytes", "database_up", "database_connections",
        "database_size_bytes", "database_oldest_transaction_seconds", "database_deadlocks", "database_blocks_hit",
        "database_replicas", "jobs_due", "mail_waiting", "certificate_days", "key_age_days", "sealing_lag_seconds",
        "sign_in_failures", "jobs_done", "jobs_failed", "worker_up",
    ):  # fmt: skip
        assert f"dentatool_{name}" in families, name
    duration = families["dentatool_request_duration_seconds"]
    assert duration.type == "histogram"
    healthz = [each for each in duration.samples if (each.labels["view"], each.labels["status"]) == ("healthz", "200")]
    bounds = [each.value for each in healthz if each.name.endswith("_bucket")]
    (count,) = (each.value for each in healthz if each.name.endswith("_count"))
    assert bounds == sorted(bounds) and bounds[-1] == count >= 1
    for secret in (str(anna.lab_id), "Anna", "Labor "):
        assert secret not in text


def test_names_follow_the_rules_of_prometheus() -> None:
    sample = Sample(datetime.now(UTC), {each.name: 1.5 for each in MEASURES})

    families = list(text_string_to_metric_families("\n".join(exposed(sample)) + "\n"))

    assert len(families) == len(MEASURES) + 2
    assert {family.type for family in families} == {"gauge", "counter"}
    assert all(family.documentation for family in families)


@pytest.mark.parametrize(
    ("meta", "status"),
    [
        ({}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "192.0.2.7"}, 404),
        ({"REMOTE_ADDR": ""}, 404),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 404),  # through a proxy that nobody named
        ({"HTTP_FORWARDED": "for=127.0.0.1"}, 404),
        ({"HTTP_X_REAL_IP": "127.0.0.1"}, 404),
        ({"HTTP_VIA": "1.1 nginx"}, 404),
    ],
)
def test_it_exists_for_near_addresses_alone(database: dict, meta: dict[str, str], status: int) -> None:
    assert ask(**meta).status_code == status


def test_it_exists_for_the_addresses_that_the_operator_names_also_behind_their_proxy(database: dict) -> None:
    with override_settings(
        DENTATOOL_METRICS_FROM=trusted_networks(["10.1.0.0/16"]),
        DENTATOOL_TRUSTED_PROXIES=trusted_networks(["127.0.0.1"]),
    ):
        passed_on = {"HTTP_X_FORWARDED_FOR": "10.1.2.3", "dentatool.peer": "127.0.0.1", "REMOTE_ADDR": "10.1.2.3"}
        assert ask(**passed_on).status_code == 200
        assert ask(**passed_on | {"dentatool.peer": "10.9.9.9"}).status_code == 404
        assert ask(**passed_on | {"REMOTE_ADDR": "192.0.2.7"}).status_code == 404
        assert ask().status_code == 404


def test_numbers_that_are_too_old_are_not_told(tmp_path: Path) -> None:
    def told(minutes: int) -> list[str]:
        series.append(tmp_path, Sample(datetime.now(UTC) - timedelta(minutes=minutes), {"jobs_due": 3}))
        return [line for line in exposed(series.newest(tmp_path)) if line.startswith("dentatool_jobs_due")]

    assert told(6) == []
    assert told(4) == ["dentatool_jobs_due 3"]


def test_the_app_still_sees_nothing_of_what_is_measured(app_connection: Any) -> None:
    import psycopg

    for question in ("select * from pg_stat_database", "select pg_database_size(current_database())"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_connection.execute(question)
        app_connection.rollback()
