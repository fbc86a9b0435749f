"""The self-signed certificate: right names, closed key, renewed in time."""

import ipaddress
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dentatool.operations.certificate import days_left, ensure_certificate


def test_it_is_good_for_this_machine_for_a_year_and_its_key_is_closed(tmp_path: Path) -> None:
    certificate_file, key_file = ensure_certificate(tmp_path)

    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")} <= set(
        names.get_values_for_type(x509.IPAddress)
    )
    assert days_left(certificate_file) == 364
    assert key_file.read_bytes().startswith(b"-----BEGIN PRIVATE")  # PKCS#8, which granian needs
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    key = load_pem_private_key(key_file.read_bytes(), None)
    assert key.public_key() == certificate.public_key()


def test_it_is_kept_until_thirty_days_are_left_and_then_renewed(tmp_path: Path) -> None:
    first = ensure_certificate(tmp_path)[0].read_bytes()

    with time_machine.travel(datetime.now(UTC) + timedelta(days=334)):
        assert ensure_certificate(tmp_path)[0].read_bytes() == first
    with time_machine.travel(datetime.now(UTC) + timedelta(days=336)):
        assert ensure_certificate(tmp_path)[0].read_bytes() != first


def test_a_certificate_whose_key_was_lost_is_made_anew(tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path)
    first = certificate.read_bytes()
    key.unlink()

    ensure_certificate(tmp_path)

    assert key.exists()
    assert certificate.read_bytes() != first


def test_an_own_certificate_takes_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENTATOOL_TLS_CERT", "/etc/ssl/own.pem")
    monkeypatch.setenv("DENTATOOL_TLS_KEY", "/etc/ssl/own.key")

    assert ensure_certificate(tmp_path) == (Path("/etc/ssl/own.pem"), Path("/etc/ssl/own.key"))
    assert not (tmp_path / "tls").exists()
