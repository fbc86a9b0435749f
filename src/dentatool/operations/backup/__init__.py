"""Backups that come back: base backups, every change since, sealed before they leave, restorable to a minute.

Promise: what the database has acknowledged and released is in the target, encrypted, and every lost or changed byte
there is found without the private key (`verify`). Restoring takes the operator's identity file and this
installation's keys; neither is ever in a backup.
How it could be broken: by whoever holds the signing key (runs code on this machine) and writes to the target as well.
Test that tries: tests/operations/backup/test_manipulations.py.

target.py       where backups lie: a narrow protocol and a folder
sealing.py      compressed, then encrypted with age; recipients and identities
chain.py        one signed entry for each file, each bound to the one before; the newest remembered outside the target
verifying.py    what in the target is not as it was written
archive.py      each finished segment of the write-ahead log
base.py         full and incremental base backups
generations.py  which backups are kept, what the next one is (pure)
restoring.py    a cluster in an empty folder, at a minute
drilling.py     the newest backup brought back and compared
"""


class BackupError(RuntimeError):
    """Something about backups could not be done; the message says what and what to do, in German."""
