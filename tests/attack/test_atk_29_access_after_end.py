"""ATK-29: somebody's access ends while everything of theirs is open. On the served program, each is refused within a second."""

import hashlib
import secrets
import socket
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from dentatool.kit.jobs import enqueue, load_jobs, run_due_jobs
from dentatool.kit.models import Job
from dentatool.protection.access import Account
from dentatool.protection.access.internal.drafts import Draft, keep_draft
from dentatool.protection.access.internal.models import AccessLink, ApiToken
from dentatool.protection.access.sessions import live_sessions
from dentatool.protection.audit import Entry
from dentatool.protection.tenancy import laboratory
from dentatool.team.trail.models import ExportState, TrailExport, TrailExportPart
from harness.database import connect_as
from harness.laboratories import PASSWORD, Member
from harness.live import COOKIE, Line, trusting

FILE_MB = 24
WITHIN_S = 1.0
ROLES = {"close": "/ende/", "role": "/rolle/", "factors": "/anmeldung/"}


@pytest.fixture
def leaver(anna, password_hash):
    """A second owner of Anna's laboratory, with all there is: two browsers, token, link, draft, job, big export."""
    tag = secrets.token_hex(5)
    with laboratory(anna.lab_id):
        account = Account.create(
            display_name="Geht Morgen",
            sign_in_name=f"geht.{tag}@labor.example",
            role="owner",
            password_hash=password_hash,
        )
    member = Member(account.pk, "owner", "Geht Morgen", f"geht.{tag}@labor.example")
    anna.members["leaver"] = member
    later = timezone.now() + timedelta(hours=1)
    token, link = secrets.token_bytes(32), secrets.token_bytes(32)
    with anna.at_work("leaver"):
        ApiToken.objects.create(
            account=account, label="x", prefix="x", token_hash=hashlib.sha256(token).digest(), expires_at=later
        )
        AccessLink.objects.create(
            account=account, purpose="reset", token_hash=hashlib.sha256(link).digest(), expires_at=later
        )
        keep_draft(account.pk, page="/", action="/", label="", fields=[("name", "x")])
        export = TrailExport.objects.create(
            account=account, file_format="csv", state=ExportState.READY, expires_at=later
        )
        for rank in range(FILE_MB // 4):
            TrailExportPart.objects.create(export=export, rank=rank, content=secrets.token_bytes(4_000_000))
        load_jobs()
        enqueue("trail.export", export=str(export.pk))
    return SimpleNamespace(
        id=account.pk,
        sign_in_name=member.sign_in_name,
        browsers=[anna._session_token("leaver"), anna._session_token("leaver")],
        token=hashlib.sha256(token).digest(),
        link=hashlib.sha256(link).digest(),
        file=f"/protokoll/ausgabe/{export.pk}/",
    )


@pytest.fixture
def line(live_server):
    """A connection to the served program."""
    made = Line(live_server)
    yield made
    made.close()


class Download:
    """A slow reader in the middle of a large answer."""

    def __init__(self, server, address, session="", said=""):
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        plain.connect(("localhost", server.port))
        self._link = trusting().wrap_socket(plain, server_hostname="localhost")
        self._link.settimeout(10)
        who = said or f"Cookie: {COOKIE}={session}"
        request = f"GET {address} HTTP/1.1\r\nHost: localhost:{server.port}\r\n{who}\r\n\r\n"
        self._link.sendall(request.encode())
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            self.head += self._link.recv(1)
        self.length = int(self.head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.received = len(self._link.recv(16_384))

    def rest(self) -> None:
        """Read on as fast as it comes, until the other side hangs up or all is there."""
        try:
            while self.received < self.length and (piece := self._link.recv(65_536)):
                self.received += len(piece)
        except OSError:
            pass
        self._link.close()


@pytest.mark.parametrize("how", ["close", "role", "factors"])
def test_everything_is_refused_within_a_second(anna, leaver, live_server, line, database, how):
    owner = anna._session_token("owner")
    for browser in leaver.browsers:
        assert line.ask("GET", "/auftraege/", browser).status == 200
    assert knows_token(database, leaver) and knows_link(database, leaver)
    download = Download(live_server, leaver.file, leaver.browsers[0])
    assert b" 200 " in download.head
    assert download.length == FILE_MB * 1_000_000

    form = {"role": "technician"} if how == "role" else {}
    ended = line.ask("POST", f"/team/{leaver.id}{ROLES[how]}", owner, form)
    since = time.monotonic()
    assert ended.status == 302, ended.text[-2000:]

    for browser in leaver.browsers:
        for method, address in (
            ("GET", "/auftraege/"),
            ("POST", "/praxen/neu/"),
            ("GET", leaver.file),
            ("GET", "/sitzung/"),
        ):
            answer = line.ask(method, address, browser, {"name": "x"} if method == "POST" else None)
            assert answer.status == 302 and answer.headers["location"].startswith("/anmelden/"), address
    assert not knows_token(database, leaver)
    assert not knows_link(database, leaver)
    refused_after = time.monotonic() - since
    time.sleep(max(0, since + WITHIN_S - time.monotonic()))  # a second after the end, nothing more is sent
    download.rest()
    stopped_after = time.monotonic() - since
    if how == "close":  # and no way back in
        assert line.ask("POST", "/anmelden/", form={"name": leaver.sign_in_name, "password": PASSWORD}).status == 422
    run_due_jobs(anna.lab_id)

    assert download.received < download.length
    assert refused_after < WITHIN_S, refused_after
    assert stopped_after < WITHIN_S + 0.5, stopped_after  # and what the kernel had already taken over
    with anna.at_work():
        assert [job.state for job in Job.objects.filter(name="trail.export")] == ["refused"]
        assert not live_sessions().filter(account_id=leaver.id).exists()
        assert not Draft.objects.filter(account_id=leaver.id).exists()
        events = Entry.objects.filter(kind="event", actor_id=leaver.id).values_list("what", flat=True)
        assert list(events).count("session_use_after_expire") == 2
        assert Entry.objects.filter(what="access_ended", actor_id=anna.owner.id).count() == 1


def test_a_download_of_somebody_who_stays_arrives_whole(anna, leaver, live_server):
    """So it is the end of the access that stops the others."""
    download = Download(live_server, leaver.file, leaver.browsers[0])
    time.sleep(1.5)  # longer than two looks

    download.rest()

    assert download.received == download.length


def test_one_ended_session_stops_its_own_download_alone(leaver, live_server, line):
    downloads = [Download(live_server, leaver.file, browser) for browser in leaver.browsers]

    line.ask("POST", "/abmelden/", leaver.browsers[0], {})
    time.sleep(WITHIN_S)
    for download in downloads:
        download.rest()

    assert downloads[0].received < downloads[0].length
    assert downloads[1].received == downloads[1].length


def knows_token(database, leaver) -> bool:
    with connect_as(database, "app", autocommit=True) as link:
        (is_live,) = link.execute("select is_live from protection.door_find_token(%s)", [leaver.token]).fetchone()
        return is_live


def knows_link(database, leaver) -> bool:
    with connect_as(database, "app", autocommit=True) as link:
        return link.execute("select * from protection.door_find_link(%s)", [leaver.link]).fetchone() is not None
