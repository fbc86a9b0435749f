"""The nginx of deploy/nginx in front of the real program: who asks stays who asks, and nothing touches the disk."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from harness.live import running_server
from harness.smtp import new_certificate

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,  # counts tries to sign in
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed here: apt-get install nginx-light"),
]
CONF = Path(__file__).parents[2] / "deploy" / "nginx" / "dentatool.conf"
NAME = "dentatool.betreiber.example"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def front(database: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, ssl.SSLContext, Path]]:
    """nginx as the file says, at other ports and with other certificates: its TLS port, its other, whom to trust, where."""
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    certificate = new_certificate(folder / "tls.pem", NAME)
    tls_port, plain_port = free_port(), free_port()
    with running_server(
        "nginx", threads=2, DENTATOOL_TRUSTED_PROXIES="127.0.0.1", DENTATOOL_HOSTS=f"{NAME},localhost"
    ) as server:
        text = CONF.read_text()
        for pattern, ours in (
            (r"127\.0\.0\.1:8443", f"127.0.0.1:{server.port}"),
            (r"listen \[::\].*\n", ""),
            (r"listen 443", f"listen 127.0.0.1:{tls_port}"),
            (r"listen 80", f"listen 127.0.0.1:{plain_port}"),
            (r"/etc/dentatool/tls/\w+\.pem", str(certificate)),
            (r"/var/lib/dentatool", os.environ["DENTATOOL_VAR"]),
        ):
            text, count = re.subn(pattern, ours, text)
            assert count, pattern
        temp = "".join(
            f"{each}_temp_path {folder}/temp;\n" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        whole = f"{user}daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log {folder}/access.log;\n{temp}{text}}}\n"
        (folder / "nginx.conf").write_text(whole)
        command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stderr
        process = subprocess.Popen(command)
        try:
            ending = time.monotonic() + 10
            while not answers(tls_port):
                assert time.monotonic() < ending and process.poll() is None
                time.sleep(0.05)
            yield tls_port, plain_port, ssl.create_default_context(cafile=str(certificate)), folder
        finally:
            process.terminate()
            process.wait(10)


class _ByName(http.client.HTTPSConnection):
    """To this machine, under the name of the installation, from an address of our choice."""

    def __init__(self, port: int, trust: ssl.SSLContext, source: str) -> None:
        super().__init__(NAME, port, timeout=30, context=trust)
        self._trust, self._source = trust, source

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), 30, (self._source, 0))
        self.sock = self._trust.wrap_socket(plain, server_hostname=NAME)


def guess(front: tuple[int, int, ssl.SSLContext, Path], source: str, name: str, claim: str = "") -> int:
    port, _plain, trust, _folder = front
    link = _ByName(port, trust, source)
    said = {"Cookie": f"__Host-csrf={'c' * 32}", "Referer": f"https://{NAME}/", "Host": NAME}
    said |= {"Content-Type": "application/x-www-form-urlencoded"} | ({"X-Forwarded-For": claim} if claim else {})
    form = {"name": f"{name}@labor.example", "password": "geraten", "csrfmiddlewaretoken": "c" * 32}
    link.request("POST", "/anmelden/", urlencode(form), said)
    answer = link.getresponse()
    answer.read()
    link.close()
    return answer.status


def test_each_network_has_its_own_tries_and_no_claim_makes_another(front, superuser) -> None:
    superuser.execute("delete from protection_attempt")

    mine = [guess(front, "127.0.0.2", f"wer{place}", claim=f"203.0.113.{place}") for place in range(12)]
    others = guess(front, "127.0.0.3", "wer")

    assert (mine, others) == ([422] * 10 + [429] * 2, 422)


def test_only_its_own_name_is_answered_and_plain_http_is_sent_to_tls(front) -> None:
    port, plain, _trust, _folder = front
    trust_all = ssl.create_default_context(cafile=None)
    trust_all.check_hostname, trust_all.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port)) as link, pytest.raises(ssl.SSLError):
        trust_all.wrap_socket(link, server_hostname="anders.example")

    link = http.client.HTTPConnection("127.0.0.1", plain)
    link.request("GET", "/anmelden/?weiter=/")
    answer = link.getresponse()
    link.close()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/anmelden/?weiter=/")


def test_http_2_is_offered(front) -> None:
    port, _plain, _trust, folder = front
    trust = ssl.create_default_context(cafile=str(folder / "tls.pem"))
    trust.set_alpn_protocols(["h2", "http/1.1"])
    with trust.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=NAME) as link:
        assert (link.selected_alpn_protocol(), link.version()) == ("h2", "TLSv1.3")


def test_what_is_sent_is_not_kept_on_the_disk_and_too_much_is_refused(front) -> None:
    port, _plain, trust, folder = front
    for size, expected in ((3_000_000, (413, 403, 422)), (70_000_000, (413,))):
        link = _ByName(port, trust, "127.0.0.4")
        said = {"Host": NAME, "Content-Length": str(size), "Content-Type": "application/octet-stream"}
        link.request("POST", "/anmelden/", None, said)
        kept = set()
        try:
            for _ in range(size // 100_000):
                link.send(b"x" * 100_000)
                kept |= {file.name for file in (folder / "temp").rglob("*") if file.is_file()}
        except OSError:  # hung up on
            pass
        assert link.getresponse().status in expected
        assert kept == set()
        link.close()
