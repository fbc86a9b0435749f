"""Whether the sealed trails are sealed in time, and unchanged: computed anew each night, told by the doctor.

Promise: an entry that waits for its seal for more than five minutes, a trail that is not sealed any more, and a trail that
is not as it was sealed are each a fault of the doctor with the laboratory's id and the first bad entry; so the monitoring
mails them. A database that is older than what was witnessed is told at once: by the doctor, when it is restored, and when
DentaTool starts. "Not looked at for more than a day" is a fault, too.
How it could be broken: by whoever runs code on this machine and writes var/trails.json; the next night tells all the same.
Tests that try: tests/operations/trails.

heads.py    whether the database is at least what was told outside of it
memory.py   what the last check of each trail found (var/trails.json)
nightly.py  all trails computed anew, those first that were looked at longest ago
told.py     the doctor's sentences
"""
