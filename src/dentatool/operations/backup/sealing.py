"""Compressed, then encrypted with age, as a stream: no plaintext file lies in the target, not for a moment.

The machine holds recipients (public keys) alone; whoever steals it and the target opens nothing that was written
before. The one exception is asked for: an identity for the drill, which is made anew with each full backup and then
destroyed, so that it opens the current generation only, which the machine holds as its own data anyway.
"""

import hashlib
import os
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from backports import zstd
from pyrage import DecryptError, EncryptError, IdentityError, RecipientError, decrypt_io, encrypt_io, x25519

from dentatool.operations.backup import BackupError
from dentatool.operations.secrets import write_secret

RECIPIENTS, DRILL = "recipients", "drill.identity"
_LEVEL = 1  # 900 MB/s on one core, and as small as zlib made it at 140; more effort gains one per cent
_ZSTD = b"\x28\xb5\x2f\xfd"  # how a frame of zstd begins
_CHUNK = 1 << 20


class Readable(Protocol):
    """What gives bytes."""

    def read(self, size: int = -1, /) -> bytes: ...


class Keyring:
    """Recipients of this installation, in var/backup, and the drill's identity if there is one."""

    def __init__(self, folder: Path) -> None:
        self._recipients, self._drill = folder / RECIPIENTS, folder / DRILL

    def recipients(self) -> list[Any]:
        """Everyone who shall be able to open what is written now. At least one is not on this machine."""
        lines = _lines(self._recipients)
        if not lines:
            raise BackupError("Für Sicherungen fehlt ein Schlüssel. Einmal: dentatool backup keygen --out DATEI")
        try:
            known = [x25519.Recipient.from_str(line) for line in lines]
        except RecipientError as error:
            raise BackupError(f"In {self._recipients} steht eine unbrauchbare Zeile: {error}") from error
        drills = self.drill_identities()
        return [*known, drills[-1].to_public()] if drills else known

    def add_recipient(self, recipient: str) -> None:
        """From now on; what is in the target already stays closed to it."""
        write_secret(self._recipients, "".join(f"{line}\n" for line in [*_lines(self._recipients), recipient]))

    def drill_identities(self) -> list[Any]:
        """None unless the operator asked for nightly drills; more than one only while a full backup is being made."""
        return [x25519.Identity.from_str(line) for line in _lines(self._drill)]

    @property
    def drills(self) -> bool:
        """Whether this machine may open its current generation for the drill."""
        return self._drill.exists()

    def begin_generation(self) -> None:
        """Before a full backup: what is written from now on opens with a new drill identity."""
        if self.drills:
            write_secret(self._drill, "".join(f"{line}\n" for line in [*_lines(self._drill), new_identity()]))

    def allow_drills(self) -> None:
        """Make the first drill identity."""
        if not self.drills:
            write_secret(self._drill, f"{new_identity()}\n")

    def end_generation(self) -> None:
        """After the full backup: what opened the generation before is gone."""
        if self.drills:
            write_secret(self._drill, _lines(self._drill)[-1] + "\n")


def new_identity() -> str:
    """A private key of age."""
    return str(x25519.Identity.generate())


def write_identity(file: Path, *, instance: str, made_at: datetime) -> str:
    """The operator's identity in a new file that they take away; its recipient. The file works with `age -d` as well."""
    identity = x25519.Identity.generate()
    text = (
        f"# DentaTool: öffnet Sicherungen. Nicht auf dem Server aufbewahren.\n# made: {made_at.isoformat()}\n"
        f"# instance: {instance}\n# public key: {identity.to_public()}\n{identity}\n"
    )
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise BackupError(f"{file} gibt es schon; ein Schlüssel wird nie überschrieben.") from error
    return str(identity.to_public())


def read_identities(file: Path) -> tuple[list[Any], str]:
    """The identities of a file and the instance it names (empty if it names none)."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"Die Schlüsseldatei {file} ist nicht zu lesen: {error}") from error
    named = next((line.removeprefix("# instance:").strip() for line in lines if line.startswith("# instance:")), "")
    try:
        found = [x25519.Identity.from_str(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
    except IdentityError as error:
        raise BackupError(f"{file} ist keine Schlüsseldatei von age.") from error
    if not found:
        raise BackupError(f"In {file} steht kein Schlüssel.")
    return found, named


def seal(source: Readable, sink: BinaryIO, recipients: Sequence[Any]) -> "Counted":
    """Compress and encrypt; size and hash of what came out."""
    counted = Counted(sink.write)
    coming, going = _Kept(_Compressing(source)), _Kept(counted)
    try:
        encrypt_io(coming, going, recipients)
    except EncryptError as error:
        raise coming.failed or going.failed or BackupError(f"Verschlüsseln ist nicht gelungen: {error}") from error
    if going.failed:  # in the last bytes, where age's library says nothing
        raise going.failed
    return counted


def unseal(source: Readable, sink: Callable[[bytes], Any], identities: Sequence[Any]) -> None:
    """The reverse. age refuses what was changed or cut; a wrong key is told apart."""
    expanding = _Expanding(sink)
    coming, going = _Kept(source), _Kept(expanding)
    try:
        decrypt_io(coming, going, identities)
    except DecryptError as error:
        if failed := coming.failed or going.failed:
            raise failed from error
        if "No matching keys" in str(error):
            raise BackupError(
                "Die Schlüsseldatei öffnet diese Sicherung nicht: Sie gehört zu einem anderen Schlüssel."
            ) from error
        raise BackupError(f"Die Sicherung ist beschädigt: {error}") from error
    if going.failed:
        raise going.failed
    expanding.finish()


class Counted:
    """A sink that knows how much went through it, and its hash."""

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write, self._hash, self.size = write, hashlib.sha256(), 0

    def write(self, chunk: bytes) -> int:
        self._hash.update(chunk)
        self.size += len(chunk)
        self._write(chunk)
        return len(chunk)

    def flush(self) -> None:
        """The target syncs at the end."""

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class _Kept:
    """A stream that keeps its first error: age's library tells each as one of its own, and a full disk is no damage."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.failed: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        return cast(bytes, self._call(self._inner.read, size))

    def write(self, chunk: bytes) -> int:
        return cast(int, self._call(self._inner.write, chunk))

    def flush(self) -> None:
        self._call(self._inner.flush)

    def _call(self, method: Callable[..., Any], *given: Any) -> Any:
        try:
            return method(*given)
        except Exception as error:
            self.failed = self.failed or error
            raise


class _Compressing:
    def __init__(self, source: Readable) -> None:
        self._source, self._ready, self._ended = source, bytearray(), False
        self._zstd = zstd.ZstdCompressor(level=_LEVEL)

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._ready) < size):
            chunk = self._source.read(_CHUNK)
            self._ready += self._zstd.compress(chunk) if chunk else self._zstd.flush()
            self._ended = not chunk
        given = bytes(self._ready if size < 0 else self._ready[:size])
        del self._ready[: len(given)]
        return given


class _Expanding:
    """Collects age's blocks of 8 KB: each call of the decompressor, and each write to a pipe, costs more than the bytes."""

    def __init__(self, sink: Callable[[bytes], Any]) -> None:
        self._sink, self._waiting = sink, bytearray()
        self._expand: Any = None

    def write(self, chunk: bytes) -> int:
        self._waiting += chunk
        if len(self._waiting) >= _CHUNK // 4:
            self._pass_on()
        return len(chunk)

    def flush(self) -> None:
        """Nothing is written before there is enough of it."""

    def finish(self) -> None:
        self._pass_on()
        if self._expand is None or not self._expand.eof:
            raise BackupError("Die Sicherung ist unvollständig.")

    def _pass_on(self) -> None:
        if not self._waiting:
            return
        if self._expand is None:  # until 26.11.2026 zlib was used, and what lies in a target stays there for a year
            is_zstd = self._waiting.startswith(_ZSTD)
            self._expand = zstd.ZstdDecompressor() if is_zstd else zlib.decompressobj()
        try:
            self._sink(self._expand.decompress(bytes(self._waiting)))
        except (zstd.ZstdError, zlib.error, EOFError) as error:
            raise BackupError(f"Die Sicherung ist beschädigt: {error}") from error
        self._waiting.clear()


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").split("\n") if line and not line.startswith("#")]
    except FileNotFoundError:
        return []
