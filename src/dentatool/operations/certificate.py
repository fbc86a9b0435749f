"""The self-signed certificate for a first start. In production, name your own by the environment.

DENTATOOL_TLS_CERT and DENTATOOL_TLS_KEY (PKCS#8, PEM) take precedence.
"""

import ipaddress
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)


def ensure_certificate(var: Path) -> tuple[Path, Path]:
    """Certificate and key files; made when missing, renewed when fewer than 30 days are left."""
    if (own := os.environ.get("DENTATOOL_TLS_CERT")) and (own_key := os.environ.get("DENTATOOL_TLS_KEY")):
        return Path(own), Path(own_key)
    folder = var / "tls"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if days_left(certificate) < RENEW_BEFORE.days or not key.exists():
        _make(certificate, key)
    return certificate, key


def days_left(certificate: Path) -> int:
    """Whole days until the certificate ends; negative when it is over or missing."""
    if not certificate.exists():
        return -1
    ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return (ends - datetime.now(UTC)).days


def _make(certificate_file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DentaTool (selbst ausgestellt)")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _replace(key_file, pkcs8)
    _replace(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))


def _names() -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    hostname = socket.gethostname()
    if hostname != "localhost" and hostname.isascii() and len(hostname) < 64:
        names.append(x509.DNSName(hostname))
    return [*names, *(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1"))]


def _replace(file: Path, content: bytes) -> None:
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(content)
    unfinished.rename(file)
