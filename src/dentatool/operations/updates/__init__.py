"""Known holes in what is installed: found in advisories, judged, given a deadline, followed until they are closed.

What is compared is what really runs (`installed`): the packages of this environment, Python, PostgreSQL, OpenSSL. With
what: advisories in OSV format, from a file or downloaded (`reading`, `downloading`). An advisory that concerns us
(`matching`) becomes a finding with a severity (`severity`) and a deadline (`deadlines`); it is done when the version is no
longer affected, or put off by a person for a time (`memory`).

Promise: green is only what was compared, now, with data no older than seven days. A check that failed, data that is old
or lacks an ecosystem, and a comparison of another set of packages than is installed are red.
How it could be broken: by data that leaves advisories out. Whoever serves it is believed, over TLS.
Tests that try: tests/operations/updates. Why it is so: docs/decisions/updates.md.
"""
