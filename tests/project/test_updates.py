"""dentatool updates, as a person calls it: real packages, a real server, advisories from a file and over real TLS."""

import http.server
import importlib.metadata
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from dentatool.operations import jobs
from dentatool.operations.updates.installed import installed
from dentatool.operations.updates.memory import Memory
from harness.smtp import new_certificate
from harness.tls_site import tls_site
from operations.updates.records import ELSEWHERE, about

DJANGO = importlib.metadata.version("django")
JUST_NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def var(database: dict, tmp_path: Path) -> Path:
    """An installation with a memory of its own on the run's database."""
    own = tmp_path / "var"
    own.mkdir()
    (own / "secrets").symlink_to(Path(os.environ["DENTATOOL_VAR"]) / "secrets")
    return own


def dentatool(var: Path, *arguments: str, **further: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", "updates", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "DENTATOOL_VAR": str(var), **further},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def hole(*, age: timedelta = timedelta()) -> dict[str, Any]:
    record = about("Django", {"introduced": "5.0"}, {"fixed": f"{DJANGO}.1"}) | {
        "id": "PYSEC-2026-1",
        "aliases": ["CVE-2026-1"],
    }
    return record | {"published": (JUST_NOW - age).isoformat(), "database_specific": {"severity": "CRITICAL"}}


def fresh(*records: dict[str, Any]) -> list[dict[str, Any]]:
    """With a record of every ecosystem that this machine needs: Debian's too, where Python or OpenSSL come from there."""
    debian = {each.ecosystem for each in installed("18.6") if each.is_debian}
    more = [about("something-else", {"introduced": "0"}, ecosystem=each) | {"id": f"TEST-{each}"} for each in debian]
    return [each | {"modified": JUST_NOW.isoformat()} for each in (*records, *ELSEWHERE, *more)]


@pytest.fixture
def advisories(tmp_path: Path) -> Path:
    file = tmp_path / "advisories.json"
    file.write_text(json.dumps(fresh(hole(age=timedelta(hours=73)))))
    return file


def test_a_critical_hole_that_is_73_hours_old_is_red_until_somebody_answers_for_it(var: Path, advisories: Path) -> None:
    checked = dentatool(var, "check", "--advisories", str(advisories))
    assert checked.returncode == 1, checked.stderr
    assert f"✗ Aktualisierungen: Frist überschritten: CVE-2026-1 in django {DJANGO} (kritisch)" in checked.stdout
    assert f"✗ CVE-2026-1 (PYSEC-2026-1): django {DJANGO}, kritisch, fällig" in checked.stdout
    assert f"behoben in {DJANGO}.1" in checked.stdout
    assert dentatool(var, "status").returncode == 1

    until = (datetime.now(UTC) + timedelta(days=9)).date()
    accepted = dentatool(var, "accept", "CVE-2026-1", f"--until={until}", "--reason", "nicht benutzt", "--by", "Clara")
    assert accepted.returncode == 0, accepted.stderr

    status = dentatool(var, "status")
    assert status.returncode == 0 and "1 aufgeschoben" in status.stdout
    assert f"aufgeschoben bis {until:%d.%m.%Y} von Clara: nicht benutzt" in status.stdout
    told = json.loads(dentatool(var, "status", "--json").stdout)
    assert (told["status"], told["open"][0]["name"], told["accepted"][0]["by"]) == ("gut", "CVE-2026-1", "Clara")


def test_who_is_up_to_date_hears_so(var: Path, advisories: Path) -> None:
    advisories.write_text(json.dumps(fresh()))

    done = dentatool(var, "check", "--advisories", str(advisories))

    assert done.returncode == 0, done.stderr
    assert "✓ Aktualisierungen: keine offene Lücke bekannt" in done.stdout
    assert "Meldungen PyPI: 1" in done.stdout
    assert "nicht verglichen: openssl (cryptography)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "Setzen Sie DENTATOOL_ADVISORIES"),
        (["check", "--advisories", "/nirgends.json"], "Diese Datei gibt es nicht"),
        (["check", "--advisories", "http://osv.example/all.zip"], "muss mit https:// beginnen"),
        (["check", "--advisories", "https://127.0.0.1/all.zip"], "internes Netz"),
        (["check", "--advisories", "https://osv.invalid/all.zip"], "lässt sich nicht herunterladen"),
        (["accept", "CVE-1", "--until", "morgen", "--reason", "x", "--by", "y"], "ist kein Tag"),
        (["accept", "CVE-1", "--until", "2026-11-30", "--reason", "x", "--by", "y"], "Fehler: "),
        (["sbom", "--out", "/nirgends/sbom.json"], "lässt sich nicht schreiben"),
    ],
)
def test_what_cannot_be_done_is_said_in_german(var: Path, arguments: list[str], words: str) -> None:
    done = dentatool(var, *arguments, DENTATOOL_ADVISORIES="")

    assert done.returncode == 1
    assert words in done.stderr and "Traceback" not in done.stderr


def test_a_failed_check_is_red_in_the_status_too(var: Path, advisories: Path) -> None:
    advisories.write_text("[]")
    assert dentatool(var, "check", "--advisories", str(advisories)).returncode == 1

    status = dentatool(var, "status")
    assert status.returncode == 1
    assert "✗ Aktualisierungen: der letzte Vergleich ist gescheitert" in status.stdout


@pytest.fixture
def osv(tmp_path: Path) -> Iterator[tuple[str, dict[str, str], list[bytes]]]:
    """A TLS server as the one that publishes advisories: its address, how to trust it, what it answers."""
    answers: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers[-1]
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    certificate = new_certificate(tmp_path / "osv.pem", "localhost")
    with tls_site(Handler, certificate) as port:
        trust = {"DENTATOOL_CA_FILE": str(certificate), "DENTATOOL_PRIVATE_HOSTS": f"localhost:{port}"}
        yield f"https://localhost:{port}/PyPI/all.zip", trust, answers


def zipped(records: list[dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for record in records:
            archive.writestr(f"{record['id']}.json", json.dumps(record))
    return packed.getvalue()


def test_advisories_are_downloaded_whole_or_not_at_all(var: Path, osv: tuple[str, dict[str, str], list[bytes]]) -> None:
    """More than half a megabyte, which no page of a stranger may be; half of it is none."""
    address, trust, answers = osv
    padding = [
        about(f"other-{number}", {"introduced": "0"}) | {"id": f"X-{number}", "details": os.urandom(4000).hex()}
        for number in range(200)
    ]
    answers.append(zipped(fresh(hole(), *padding)))
    assert len(answers[0]) > 600_000

    done = dentatool(var, "check", DENTATOOL_ADVISORIES=address, **trust)
    assert done.returncode == 0, done.stderr
    assert "! CVE-2026-1" in done.stdout and "Meldungen PyPI: 202" in done.stdout

    for wrong, words in ((answers[0][:-5000], "kein heiles ZIP"), (b"", "Antwort 404")):
        answers.append(wrong)
        done = dentatool(var, "check", DENTATOOL_ADVISORIES=address, **trust)
        assert done.returncode == 1 and words in done.stderr, done.stderr


def test_the_worker_compares_at_night_where_a_source_is_named(
    var: Path, advisories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENTATOOL_VAR", str(var))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    with override_settings(DENTATOOL_VAR=var):
        jobs.check_updates()
        assert jobs._running == []  # nobody named a source

        monkeypatch.setenv("DENTATOOL_ADVISORIES", str(advisories))
        jobs.check_updates()
        (started,) = jobs._running
        jobs.check_updates()
        assert jobs._running == [started]
        started.wait(60)
        jobs.check_updates()
        assert jobs._running == []  # done, and not again tonight

    known = Memory(var).known()
    assert known is not None and [hole.names for hole in known.holes] == [("CVE-2026-1", "PYSEC-2026-1")]


def test_a_failure_is_tried_again_in_an_hour_and_a_success_next_night(tmp_path: Path) -> None:
    memory, noon = Memory(tmp_path), datetime.now().astimezone().replace(hour=12)
    assert jobs.is_due(tmp_path, noon)

    memory.remember([], fingerprint="", data={}, now=noon)
    after = [timedelta(hours=1), timedelta(hours=13), timedelta(hours=15)]
    assert [jobs.is_due(tmp_path, noon + each) for each in after] == [False, False, True]

    memory.remember_failure("kein Netz", noon)
    assert [jobs.is_due(tmp_path, noon + timedelta(minutes=each)) for each in (30, 61)] == [False, True]


def test_ten_thousand_advisories_are_compared_in_seconds(var: Path, tmp_path: Path) -> None:
    many = [about(f"other-{number}", {"introduced": "0"}) | {"id": f"X-{number}"} for number in range(10_000)]
    (tmp_path / "all.zip").write_bytes(zipped(fresh(*many)))

    begun = time.monotonic()
    assert dentatool(var, "check", "--advisories", str(tmp_path / "all.zip")).returncode == 0
    assert time.monotonic() - begun < 20
