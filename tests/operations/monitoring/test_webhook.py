"""Faults told by webhook to a real TLS server: signed, retried, once, and never in the way of mail."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from django.test import override_settings

from dentatool.operations.finding import GOOD, WRONG, Finding
from dentatool.operations.monitoring import watching, webhook
from dentatool.operations.monitoring.alerts import Alerts
from harness.smtp import PostOffice
from harness.tls_site import tls_site

CLARA, SECRET = "clara@betreiber.example", "0123456789abcdef0123456789abcdef"
FULL, ROOM = Finding("Datenträger", WRONG, "3 MB frei", "Platz schaffen"), Finding("Datenträger", GOOD, "viel frei")


@dataclass
class Listener:
    """What came: headers and body; what is answered."""

    status: int = 204
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def messages(self) -> list[dict[str, str]]:
        return [json.loads(body) for _headers, body in self.came]


@pytest.fixture
def listener(post_office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.came.append((dict(self.headers), body))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with (
        tls_site(Handler, post_office.ca_file) as port,
        override_settings(DENTATOOL_PRIVATE_HOSTS=[f"localhost:{port}"]),
    ):
        monkeypatch.setenv("DENTATOOL_ALERT_WEBHOOK_URL", f"https://localhost:{port}/hier?x=1")
        monkeypatch.setenv("DENTATOOL_ALERT_WEBHOOK_SECRET", SECRET)
        yield found


def look(var: Path, *findings: Finding) -> list[str]:
    said: list[str] = []
    watching.look(Alerts(var), lambda: list(findings), said.append)
    return said


def test_a_fault_its_being_taken_on_and_its_end_are_posted_once_each_and_signed(
    tmp_path: Path, listener: Listener
) -> None:
    for _ in range(3):
        look(tmp_path, FULL)
    Alerts(tmp_path).acknowledge("Datenträger", by="Clara", reason="wird vergrößert")
    for _ in range(2):
        look(tmp_path, FULL)
    for _ in range(3):
        look(tmp_path, ROOM)

    messages = listener.messages()
    assert [each["event"] for each in messages] == ["raised", "acknowledged", "resolved"]
    assert len({each["id"] for each in messages}) == 3 and len({each["alert"] for each in messages}) == 1
    assert (messages[0]["what"], messages[0]["found"]) == ("Datenträger", "3 MB frei")
    assert messages[0]["runbook"] == "docs/runbooks/stoerungen.md, „Datenträger“" and messages[0]["since"]
    assert messages[1]["acknowledged_reason"] == "wird vergrößert"
    for headers, body in listener.came:
        stamp = headers["X-DentaTool-Timestamp"]
        assert abs(time.time() - int(stamp)) < 60
        wanted = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        assert headers["X-DentaTool-Signature"] == f"sha256={wanted}"


def test_what_is_refused_is_tried_again_under_the_same_id_and_mail_goes_all_the_same(
    tmp_path: Path, listener: Listener, post_office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENTATOOL_ALERT_TO", CLARA)
    listener.status = 503
    look(tmp_path, FULL)
    said = look(tmp_path, FULL)
    assert "Webhook nicht zugestellt (503)" in said[-1]
    assert len(post_office.to(CLARA)) == 1
    look(tmp_path, FULL)

    listener.status = 200
    look(tmp_path, FULL)
    look(tmp_path, FULL)

    assert len({each["id"] for each in listener.messages()}) == 1 and len(listener.came) == 3
    assert len(post_office.to(CLARA)) == 1


def test_while_mail_is_refused_the_webhook_is_told_once_and_mail_is_still_tried(
    tmp_path: Path, listener: Listener, post_office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENTATOOL_ALERT_TO", CLARA)
    post_office.answer = "451 later"
    for _ in range(4):
        look(tmp_path, FULL)
    assert len(listener.came) == 1

    post_office.answer = "250 OK"
    look(tmp_path, FULL)
    assert len(post_office.to(CLARA)) == 1


def test_what_nobody_takes_for_a_day_is_given_up_and_an_address_without_tls_gets_nothing(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    listener.status = 500
    for _ in range(2):
        look(tmp_path, FULL)
    (file,) = (tmp_path / "monitoring" / "webhook").glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    os.utime(file, (time.time() - 90_000,) * 2)
    said = look(tmp_path, FULL)
    assert "aufgegeben" in said[-1] and not list(file.parent.glob("*.json"))

    came = len(listener.came)
    monkeypatch.setenv("DENTATOOL_ALERT_WEBHOOK_URL", "http://localhost/hier")
    assert webhook.post(b"{}") == "Die Adresse muss mit https:// beginnen."
    assert len(listener.came) == came
