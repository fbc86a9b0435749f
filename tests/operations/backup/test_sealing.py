"""What was sealed comes out again, also what an earlier version of the program sealed; what was cut does not."""

import errno
import zlib
from io import BytesIO

import pytest
from pyrage import encrypt_io, x25519

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.sealing import seal, unseal

OPERATOR = x25519.Identity.generate()
SEGMENT = b"Krone auf 16, Farbe A2; " * 100_000 + bytes(1 << 21)


def opened(sealed: bytes) -> bytes:
    out = bytearray()
    unseal(BytesIO(sealed), out.extend, [OPERATOR])
    return bytes(out)


def test_what_was_sealed_comes_out_and_is_smaller_meanwhile() -> None:
    sealed = BytesIO()

    done = seal(BytesIO(SEGMENT), sealed, [OPERATOR.to_public()])

    assert done.size == len(sealed.getvalue()) < len(SEGMENT) // 20
    assert opened(sealed.getvalue()) == SEGMENT


def test_what_was_sealed_with_zlib_before_still_opens() -> None:
    sealed = BytesIO()
    encrypt_io(BytesIO(zlib.compress(SEGMENT, 1)), sealed, [OPERATOR.to_public()])

    assert opened(sealed.getvalue()) == SEGMENT


@pytest.mark.parametrize("content", [b"", b"no archive at all", zlib.compress(SEGMENT)[:-9]])
def test_what_is_not_whole_is_refused(content: bytes) -> None:
    """age itself finds nothing wrong with it: anybody can seal to us."""
    sealed = BytesIO()
    encrypt_io(BytesIO(content), sealed, [OPERATOR.to_public()])

    with pytest.raises(BackupError, match=r"unvollständig|beschädigt"):
        opened(sealed.getvalue())


class Full:
    """A disk on which nothing fits any more."""

    def write(self, chunk: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_not_called_damage() -> None:
    sealed = BytesIO()
    seal(BytesIO(SEGMENT), sealed, [OPERATOR.to_public()])

    with pytest.raises(OSError, match="No space left"):
        seal(BytesIO(SEGMENT), Full(), [OPERATOR.to_public()])  # type: ignore[arg-type]
    with pytest.raises(OSError, match="No space left"):
        unseal(BytesIO(sealed.getvalue()), Full().write, [OPERATOR])
