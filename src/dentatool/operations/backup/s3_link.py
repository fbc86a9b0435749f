"""Requests to S3-compatible storage: signed, under TLS with the certificate checked, repeated while that may help.

Each carries at most one part of some megabytes, so that repeating it is cheap. What the storage refuses is told in
German, with what to do.
"""

import base64
import hashlib
import http.client
import queue
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree import ElementTree

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.sigv4 import Credentials, encoded_path, encoded_query, signed_headers

TIMEOUT_S = 60.0
_TRIES, _FIRST_PAUSE_S = 6, 0.25  # eight seconds in all: whoever asks will ask again
_REPEATED = (429, 500, 502, 503, 504)
_FULL = ("QuotaExceeded", "StorageFull", "XMinioStorageFull", "InsufficientStorage")
_WORDS = {
    "InvalidAccessKeyId": "Den Zugangsschlüssel kennt es nicht. Berichtigen Sie die erste Zeile der Zugangsdatei",
    "SignatureDoesNotMatch": "Das Geheimnis gehört nicht zum Zugangsschlüssel. Berichtigen Sie die zweite Zeile der Zugangsdatei",
    "AccessDenied": "Die Zugangsdaten dürfen das nicht. Nötig sind Auflisten, Lesen, Schreiben und Löschen in diesem Bucket",
    "NoSuchBucket": "Den Bucket gibt es nicht. Legen Sie ihn einmal an, oder berichtigen Sie DENTATOOL_BACKUP_TARGET",
    "RequestTimeTooSkewed": "Die Uhr dieses Rechners geht falsch. Richten Sie NTP ein",
    **dict.fromkeys(
        ("AuthorizationHeaderMalformed", "PermanentRedirect", "IncorrectEndpoint", "IllegalLocationConstraintException"),
        "Die Region stimmt nicht. Berichtigen Sie DENTATOOL_BACKUP_S3_REGION",
    ),
    **dict.fromkeys(
        _FULL,
        "Dort ist kein Platz mehr. Geschrieben wurde nichts Halbes, alte Sicherungen bleiben unangetastet. Schaffen Sie Platz"
        " oder erhöhen Sie das Kontingent; dann geht es von selbst weiter",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The storage's own word for what is wrong."""
        return text_of(self.body, "Code")


@dataclass(slots=True)
class Link:
    """One storage; asked from several threads at once."""

    host: str
    port: int
    credentials: Credentials
    ca_file: str = ""
    _idle: "queue.LifoQueue[http.client.HTTPSConnection]" = field(default_factory=queue.LifoQueue)

    def ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes = b"",
        headers: Mapping[str, str] | None = None, expected: tuple[int, ...] = (200, 204, 206),
    ) -> Answer:  # fmt: skip
        """An answer with one of these statuses; BackupError for any other and when nobody answers."""
        told = "hat nicht geantwortet"
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
            try:
                answer = self._once(method, path, query or {}, body, headers or {})
            except ssl.SSLCertVerificationError as error:
                raise BackupError(
                    f"Das Zertifikat von {self.host} ist nicht gültig ({error.verify_message}). Nichts wurde gesendet. Ist es eine"
                    " eigene Zertifizierungsstelle, nennt sie DENTATOOL_CA_FILE."
                ) from error
            except (OSError, http.client.HTTPException) as error:
                told = f"ist nicht erreichbar ({type(error).__name__}: {error})"
                continue
            if answer.status in expected:
                return answer
            told = f"antwortet mit {answer.status} {answer.code}"
            if answer.status not in _REPEATED or answer.code in _FULL:
                raise self._refused(answer)
        raise BackupError(f"Das Sicherungsziel {self.host}:{self.port} {told}. Es wird von selbst wieder versucht.")

    def close(self) -> None:
        """Hang up. Asking again connects anew."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def __del__(self) -> None:
        self.close()

    def _once(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        extra = dict(headers)
        if method == "PUT":  # buckets with object lock take nothing without it
            extra["Content-MD5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        host = self.host if self.port == 443 else f"{self.host}:{self.port}"
        signed = signed_headers(self.credentials, method, host, path, query, extra, body, datetime.now(UTC))
        asked = encoded_path(path) + (f"?{encoded_query(query)}" if query else "")
        link = self._connection()
        try:
            link.request(method, asked, body or (b"" if method == "PUT" else None), signed)
            got = link.getresponse()
            content = got.read()
            wanted = got.getheader("Content-Length")
            if method != "HEAD" and wanted is not None and int(wanted) != len(content):
                raise http.client.IncompleteRead(content)
        except BaseException:
            link.close()
            raise
        if got.will_close:
            link.close()
        else:
            self._idle.put(link)
        return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, content)

    def _connection(self) -> http.client.HTTPSConnection:
        with suppress(queue.Empty):
            return self._idle.get_nowait()
        trusted = ssl.create_default_context()
        if self.ca_file:
            trusted.load_verify_locations(self.ca_file)
        return http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=trusted)

    def _refused(self, answer: Answer) -> BackupError:
        code = answer.code
        if (region := text_of(answer.body, "Region") or answer.headers.get("x-amz-bucket-region", "")) and (
            "Region" in _WORDS.get(code, "") or not code
        ):
            code, region = "PermanentRedirect", f" (dort: {region})"
        else:
            region = ""
        words = _WORDS.get(code) or f"Es antwortet mit {answer.status} {code or 'ohne Angabe'}"
        return BackupError(f"Das Sicherungsziel {self.host} nimmt die Anfrage nicht an. {words}{region}.")


def text_of(body: bytes, name: str) -> str:
    """The first element of this name, whatever its namespace; empty when there is none or no XML.

    expat reads no external entities; the storage is one the operator chose.
    """
    with suppress(ElementTree.ParseError):
        for each in ElementTree.fromstring(body).iter():  # noqa: S314
            if each.tag.rpartition("}")[2] == name:
                return each.text or ""
    return ""
