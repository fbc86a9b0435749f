"""Who may sign in is not set back: what has been ended since a moment is ended again in a database restored to it.

Promise: after a restore to an earlier moment nobody signs in before it is applied. A closed account, a taken-away role, a
changed password, a removed second step, an ended token, a closed laboratory: each is as it is *now*, never as it was.
What came since (an invited person, a new token) is not given back: rights only become fewer. All sessions and links end.
How: what holds now is read from the running database, or from the newest state in the target, before the restore; it lies
beside the restored data (`ended-since.json`) from its first file on, `dentatool migrate` applies it, which every start
runs, and `serve` and `worker` refuse until then.
How it could be broken: by an access that is ended after this was read and before the restored database takes over; by
whoever removes the file. Shredded keys are not in here: their secrets are outside of every backup (protection/shredding).
Test that tries: tests/project/test_restore_ended.py.

`what_holds` needs a superuser's connection; what applies it is in ending_again.py.
"""

import json
from datetime import datetime
from typing import Any, LiteralString

import psycopg

Held = dict[str, dict[str, Any]]  # of one laboratory, by table: id → what counts

# What a row is worth now; NULL columns stay out. Hashes of secrets only: enough to see that one has changed.
_QUESTIONS: dict[str, LiteralString] = {
    "laboratory": "select id, id, jsonb_build_object('active', active, 'idle', idle_minutes, 'rule', factor_rule)"
    " from protection_laboratory",
    "account": "select lab_id, id, jsonb_build_object('active', active, 'role', role, 'practice', practice_id,"
    " 'password', password_hash) from protection_account",
    "role": "select lab_id, id, jsonb_build_object('active', active, 'permissions', permissions)"
    " from protection_laboratoryrole",
    "token": "select lab_id, id, '{}'::jsonb from protection_apitoken where ended_at is null",
    "factor": "select lab_id, id, jsonb_build_object('counter', counter, 'secret', encode(sha256(secret), 'hex'),"
    " 'failed', failed_count, 'locked', locked_until) from protection_factor",
    "link": "select lab_id, id, '{}'::jsonb from protection_identitylink",
    "provider": "select lab_id, id, jsonb_build_object('active', active, 'issuer', issuer, 'client', client_id)"
    " from protection_identityprovider",
}


def what_holds(source: psycopg.Connection, until: datetime) -> str:
    """What `end_again` needs to know of the newest state there is; `until` is the moment that is restored."""
    found: dict[str, Held] = {}
    with source.transaction():
        source.execute("set transaction isolation level repeatable read, read only")
        for table, question in _QUESTIONS.items():
            for lab_id, row_id, facts in source.execute(question):
                found.setdefault(str(lab_id), {}).setdefault(table, {})[str(row_id)] = facts
    return json.dumps({"until": until.isoformat(), "laboratories": found})
