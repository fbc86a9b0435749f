"""Backups in an S3-compatible storage, of any size and with nothing but PUT, GET, DELETE and LIST.

A file of up to one part is one object. A larger one lies in parts of 24 MB under `parts/`, sent while it is being made;
its own name is given last and at once, to a small object that lists them. So nothing is ever seen half written, nothing
is copied on the far side (which object lock would keep twice), no request is long, and each is repeated by itself.
By hand: download `parts/<folder>/*`, `cat` them in order, and it is the file as `age -d` wants it.
"""

import io
import json
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, cast
from xml.etree import ElementTree

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.s3_link import Link, text_of

PART = 24 << 20  # a sealed segment of 16 MB is one object
_AT_ONCE = 3
_LISTED = b"dentatool parts v1\n"
_PARTS, _NAME = "parts/", "name"


class S3Target:
    """One folder of one bucket. `part` is how many bytes an object holds at most."""

    def __init__(self, link: Link, bucket: str, folder: str = "", *, part: int = PART) -> None:
        self.link, self._bucket, self._part = link, bucket, part
        self._folder = f"{folder.strip('/')}/" if folder.strip("/") else ""

    def __str__(self) -> str:
        return f"https://{self.link.host}/{self._bucket}/{self._folder}".rstrip("/")

    def require(self) -> None:
        """Asks for one name: that is what credentials, bucket, region, certificate and clock have to be right for."""
        self.link.ask("GET", f"/{self._bucket}", query={"list-type": "2", "max-keys": "1", "prefix": self._folder})

    def hint(self) -> str:
        """What about this bucket whoever steals the credentials could make use of; empty when nothing."""
        try:
            versioned = text_of(self.link.ask("GET", f"/{self._bucket}", query={"versioning": ""}).body, "Status")
        except BackupError:
            return "Ob der Bucket Versionen aufhebt, ließ sich nicht feststellen: Sehen Sie beim Anbieter nach."
        if versioned != "Enabled":
            return (
                "Der Bucket hebt keine Versionen auf: Wer die Zugangsdaten stiehlt, kann alle Sicherungen löschen. Schalten Sie"
                " Versionierung und Objektsperre (Object Lock, 14 Tage) ein."
            )
        return ""

    def stage(self, fill: Callable[[BinaryIO], None]) -> "_StagedParts":
        """Parts go out while the file is being made."""
        sending = _Sending(self, self._part)
        try:
            fill(cast(BinaryIO, sending))
            sending.finish()
        except BaseException:
            sending.discard()
            raise
        return _StagedParts(self, sending)

    def read(self, name: str) -> BinaryIO:
        """A part at a time, the next one fetched meanwhile."""
        body = self.get(name)
        if (listed := _listed(body)) is None:
            return io.BytesIO(body)
        return cast(BinaryIO, io.BufferedReader(_Joined(self, *listed), 1 << 20))

    def names(self) -> Iterator[str]:
        return (name for name, _ in self._list("") if name and "/" not in name)

    def remove(self, name: str) -> None:
        """Its parts after its name: a kill in between leaves what `tidy` finds."""
        body = b""
        with suppress(FileNotFoundError):
            body = self.get(name, most=4096)
        self.delete(name)
        if (listed := _listed(body)) is not None:
            self._remove_parts(listed[0])

    def tidy(self, older_than_s: float) -> None:
        """Parts of files that never got their name, or whose name is gone."""
        newest: dict[str, datetime] = {}
        for key, changed in self._list(_PARTS):
            folder = key.split("/")[1]
            newest[folder] = max(changed, newest.get(folder, changed))
        for folder, changed in newest.items():
            if (datetime.now(UTC) - changed).total_seconds() > older_than_s and not self._has_name(folder):
                self._remove_parts(folder)

    def get(self, name: str, most: int = 0) -> bytes:
        """An object, or its beginning."""
        headers = {"Range": f"bytes=0-{most - 1}"} if most else {}
        answer = self.link.ask("GET", self._path(name), headers=headers, expected=(200, 206, 404, 416))
        if answer.status == 404 and answer.code != "NoSuchBucket":
            raise FileNotFoundError(name)
        if answer.status == 404:
            self.require()  # says so
        return answer.body if answer.status != 416 else b""  # an empty object has no beginning

    def put(self, name: str, body: bytes) -> None:
        self.link.ask("PUT", self._path(name), body=body)

    def delete(self, name: str) -> None:
        self.link.ask("DELETE", self._path(name), expected=(200, 204, 404))

    def _has_name(self, folder: str) -> bool:
        try:
            listed = _listed(self.get(self.get(f"{_PARTS}{folder}/{_NAME}").decode(), most=4096))
        except (FileNotFoundError, UnicodeDecodeError):
            return False
        return listed is not None and listed[0] == folder

    def _remove_parts(self, folder: str) -> None:
        for key, _ in list(self._list(f"{_PARTS}{folder}/")):
            self.delete(key)

    def _list(self, under: str) -> Iterator[tuple[str, datetime]]:
        """Names below the folder and when they were written; in pages of a thousand."""
        query = {"list-type": "2", "prefix": self._folder + under}
        if not under:
            query["delimiter"] = "/"
        while True:
            body = self.link.ask("GET", f"/{self._bucket}", query=query).body
            for each in ElementTree.fromstring(body):  # noqa: S314  (as in s3_link.text_of)
                if each.tag.rpartition("}")[2] == "Contents":
                    found = {field.tag.rpartition("}")[2]: field.text or "" for field in each}
                    yield found["Key"][len(self._folder) :], datetime.fromisoformat(found["LastModified"])
            if text_of(body, "IsTruncated") != "true":
                return
            query["continuation-token"] = text_of(body, "NextContinuationToken")

    def _path(self, name: str) -> str:
        return f"/{self._bucket}/{self._folder}{name}"


class _Sending:
    """A file that is written: full parts go out in threads, what is left stays in memory until the end."""

    def __init__(self, target: S3Target, part: int) -> None:
        self._target, self._part = target, part
        self._sender = ThreadPoolExecutor(_AT_ONCE)
        self._under_way: deque[Future[None]] = deque()
        self.rest, self.folder, self.count = bytearray(), "", 0

    def write(self, chunk: bytes) -> int:
        self.rest += chunk
        while len(self.rest) >= self._part:
            self._send(bytes(self.rest[: self._part]))
            del self.rest[: self._part]
        return len(chunk)

    def flush(self) -> None:
        """Nothing is sent before a part is full."""

    def finish(self) -> None:
        if self.count and self.rest:
            self._send(bytes(self.rest))
            self.rest.clear()
        while self._under_way:
            self._under_way.popleft().result()
        self._sender.shutdown()

    def discard(self) -> None:
        self._sender.shutdown(cancel_futures=True)
        if self.folder:
            with suppress(BackupError):  # `tidy` will find them
                for number in range(1, self.count + 1):
                    self._target.delete(_part_name(self.folder, number))

    def _send(self, part: bytes) -> None:
        while len(self._under_way) >= _AT_ONCE:
            self._under_way.popleft().result()
        self.folder = self.folder or uuid.uuid4().hex
        self.count += 1
        self._under_way.append(self._sender.submit(self._target.put, _part_name(self.folder, self.count), part))


class _StagedParts:
    def __init__(self, target: S3Target, sent: _Sending) -> None:
        self._target, self._sent, self._is_named = target, sent, False

    def commit(self, name: str) -> None:
        """The parts learn their name first: what has none is swept away after two days."""
        if self._sent.count:
            self._target.put(f"{_PARTS}{self._sent.folder}/{_NAME}", name.encode())
            self._target.put(name, _list_of(self._sent.folder, self._sent.count))
        else:
            self._target.put(name, bytes(self._sent.rest))
        self._is_named = True

    def discard(self) -> None:
        if not self._is_named:
            self._sent.discard()


class _Joined(io.RawIOBase):
    """The parts of a file, one after the other."""

    def __init__(self, target: S3Target, folder: str, count: int) -> None:
        self._target, self._wanted = target, deque(_part_name(folder, number) for number in range(1, count + 1))
        self._fetcher, self._part, self._at = ThreadPoolExecutor(1), b"", 0
        self._next: Future[bytes] | None = None
        self._fetch()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._at == len(self._part):
            if self._next is None:
                return 0
            self._part, self._at = self._next.result(), 0
            self._fetch()
        given = self._part[self._at : self._at + len(buffer)]
        buffer[: len(given)] = given
        self._at += len(given)
        return len(given)

    def close(self) -> None:
        self._fetcher.shutdown(cancel_futures=True)
        super().close()

    def _fetch(self) -> None:
        self._next = self._fetcher.submit(self._target.get, self._wanted.popleft()) if self._wanted else None


def _part_name(folder: str, number: int) -> str:
    return f"{_PARTS}{folder}/{number:06}"


def _list_of(folder: str, count: int) -> bytes:
    return _LISTED + json.dumps({"folder": folder, "parts": count}).encode()


def _listed(body: bytes) -> tuple[str, int] | None:
    """Folder and number of parts, when this is such a list. A forged or broken one gives other bytes than were signed."""
    if not body.startswith(_LISTED):
        return None
    try:
        known = json.loads(body.removeprefix(_LISTED))
        return uuid.UUID(known["folder"]).hex, int(known["parts"])
    except (ValueError, KeyError, TypeError):
        return None
