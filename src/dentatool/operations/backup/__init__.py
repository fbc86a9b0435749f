"""Backups that come back: base backups, every change since, sealed before they leave, restorable to a minute.

Promise: what the database has acknowledged and released is in the target, encrypted, and every lost or changed byte
there is found without the private key (`verify`). Restoring takes the operator's identity file and this
installation's keys; neither is ever in a backup.
How it could be broken: by whoever holds the signing key (runs code on this machine) and writes to the target as well.
Test that tries: tests/operations/backup/test_manipulations.py.

s3_target.py    the same in an S3-compatible storage; s3_link.py asks it, sigv4.py signs
target.py       where backups lie: a narrow protocol and a folder
sealing.py      compressed, then encrypted with age; recipients and identities
chain.py        one signed entry for each file, each bound to the one before; the newest remembered outside the target
verifying.py    what in the target is not as it was written
archive.py      each finished segment of the write-ahead log
backlog.py      what waits because the target does not take it
base.py         full and incremental base backups
generations.py  which backups are kept, what the next one is (pure)
since.py         what has been ended since a moment, ended again after a restore to it: ending_again.py
restoring.py    a cluster in an empty folder, at a minute
witnessed.py    what the sealed trails were goes along, and what is restored is held against it
drilling.py     the newest backup brought back and compared
"""

import errno


class BackupError(RuntimeError):
    """Something about backups could not be done; the message says what and what to do, in German."""


_WORDS = {
    errno.ENOSPC: "Auf dem Datenträger ist kein Platz mehr",
    errno.EDQUOT: "Das Kontingent auf dem Datenträger ist aufgebraucht",
    errno.EFBIG: "Die Datei wird größer, als dort erlaubt ist",
    errno.EROFS: "Der Datenträger ist nur lesbar eingehängt",
    errno.EACCES: "Es fehlt das Recht dazu",
    errno.EIO: "Der Datenträger meldet einen Lese- oder Schreibfehler",
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def in_words(error: Exception, where: object = "") -> str:
    """What a person is told of an error of the operating system; a BackupError tells it already."""
    if not isinstance(error, OSError):
        return str(error)
    place = where or error.filename or ""
    told = _WORDS.get(error.errno or 0, error.strerror or str(error)) + (f" ({place})" if place else "")
    if error.errno in _FULL:
        told += (
            ". Geschrieben wurde nichts Halbes, alte Sicherungen bleiben unangetastet. Schaffen Sie Platz; dann geht es von"
            " selbst weiter"
        )
    return told
