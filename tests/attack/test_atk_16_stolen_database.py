"""ATK-16: a thief takes everything but the key file: pg_dump, the raw data folder, the WAL, the server's log.

A thousand invented patients share two rare stems. Whoever finds no stem in any spelling or encoding has found no
name; that the search does find is shown first with a control name that lies there in clear.
"""

import base64
import json
import os
import subprocess
import urllib.parse
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from dentatool.operations.cluster import Cluster
from dentatool.protection.vault import DecryptError, find_sealed
from dentatool.protection.vault.internal import keys
from dentatool.values.text import fold, fold_digraph, search_key

STEMS = ("zwöquäxler", "ylvännör")
CONTROL = "klärquömpel"
BORN = date(1931, 2, 17)


def people():
    """A thousand names, each with both stems."""
    syllables = ("Ab", "Ber", "Cor", "Dil", "Eng", "Fal", "Gün", "Hol", "Ing", "Jä")
    for place in range(1000):
        first, second, third = (syllables[place // 10**power % 10] for power in range(3))
        yield f"{first}{STEMS[0]}{second.lower()}, {third}{STEMS[1]}"


def spellings(stem):
    """Label → bytes to look for. Twelve spellings and encodings, and what our own folding makes of a name."""
    utf8 = stem.encode()
    yield "UTF-8", utf8
    yield "UTF-16LE", stem.encode("utf-16-le")
    yield "UTF-16BE", stem.encode("utf-16-be")
    yield "Latin-1", stem.encode("latin-1")
    yield "CP850", stem.encode("cp850")
    yield "upper case", stem.upper().encode()
    yield "title case", stem.title().encode()
    yield "without umlauts", fold(stem).encode()
    yield "umlauts written out", fold_digraph(stem).encode()
    yield "search key", search_key(stem).encode()
    yield "decomposed", b"".join(letter.encode() for letter in _decomposed(stem))
    for shift in range(3):  # where the stem begins within a group of three bytes decides its base64 form
        whole = base64.b64encode(b"\0" * shift + utf8)
        yield f"base64 shifted by {shift}", whole[4 if shift else 0 : len(whole) // 4 * 4 - 4]
    yield "hex", utf8.hex().encode()
    yield "upper hex", utf8.hex().upper().encode()
    yield "URL-encoded", urllib.parse.quote(stem).encode()
    yield "reversed", stem[::-1].encode()
    yield "JSON", json.dumps(stem).strip('"').encode()


def _decomposed(text):
    import unicodedata

    return unicodedata.normalize("NFD", text)


def secrets_of(lab_id):
    """Label → bytes of every key that must never lie in the database."""
    root = json.loads(Path(settings.DENTATOOL_ROOT_KEY_FILE).read_text())
    found = {
        f"root key {version}": base64.b64decode(text)
        for version, text in root.items()
        if version not in ("environment", "made")
    }
    found.update({f"{kind} key": keys.newest_key(lab_id, kind).secret for kind in keys.KINDS})
    for label, secret in found.items():
        yield label, secret
        yield f"{label} as hex", secret.hex().encode()
        yield f"{label} as base64", base64.b64encode(secret)[:40]


@pytest.fixture
def loot(database, anna, specimens, superuser, tmp_path):
    """Plants the patients, works with them as the program does, then steals everything: label → file."""
    with anna.at_work():
        specimens.objects.bulk_create(
            [
                specimens(
                    name=name, remarks=f"Allergie {name}", birth_date=BORN + timedelta(days=place), scan=name.encode()
                )
                for place, name in enumerate(people())
            ]
        )
        control = specimens.objects.create(name="Kontrolle", box=CONTROL)
    with anna.at_work():
        for name in list(people())[:20]:
            (row_id, *_) = find_sealed(specimens, "name", name)
            assert find_sealed(specimens, "name", name, whole=True) == [row_id]
        row = specimens.objects.get(pk=row_id)
        row.name = f"{row.name}-{STEMS[0]}"
        row.save()
        specimens.objects.filter(pk=row_id).delete()
        assert control.box == CONTROL
    with pytest.raises(Exception, match="invalid input syntax"):  # whatever the log takes, it took
        superuser.execute(f"select '{CONTROL}'::int")
    superuser.execute("checkpoint")
    return dict(_stolen(database, tmp_path))


def _stolen(database, folder):
    cluster = Cluster(Path(os.environ["DENTATOOL_TEST_BASE"]) / "postgres", durable=False).places
    login = database["roles"]["backup"]
    dump = folder / "dump.sql"
    subprocess.run(
        [
            *(str(cluster.binaries / "pg_dump"), "--host", database["host"], "--port", str(database["port"])),
            *("--username", login["user"], "--no-password", "--file", str(dump), database["name"]),
        ],
        env={**os.environ, "PGPASSWORD": login["password"]},
        check=True,
    )
    yield "pg_dump", dump
    for file in sorted(cluster.data.rglob("*")):
        if file.is_file():
            yield ("WAL " if "pg_wal" in file.parts else "data ") + file.name, file
    logs = [cluster.log] if cluster.log.is_file() else sorted(cluster.log.rglob("*"))
    for file in logs:
        if file.is_file():
            yield "log " + file.name, file


def hits(loot, needles):
    """(what was found, where) in all of the loot."""
    needles = list(needles)
    found = []
    for label, file in loot.items():
        try:
            content = file.read_bytes()
        except FileNotFoundError:  # the server removes temporary files while we read
            continue
        found += [(what, label) for what, needle in needles if needle in content]
    return found


@pytest.mark.slow
def test_no_name_no_birth_date_and_no_key_is_in_anything_that_was_stolen(anna, loot):
    control = hits(loot, [("control", CONTROL.encode())])
    places = {label.split()[0] for _what, label in control}
    assert {"pg_dump", "data", "WAL"} <= places, f"the search itself does not find: {places}"
    assert any(label.startswith("log") for label in loot)
    with anna.at_work():
        secrets = list(secrets_of(anna.lab_id))
    born = [(str(BORN + timedelta(days=place)), str(BORN + timedelta(days=place)).encode()) for place in range(1000)]
    named = [(f"{stem} {label}", needle) for stem in STEMS for label, needle in spellings(stem)]

    assert len({label for label, _needle in spellings(STEMS[0])}) >= 12
    assert min(len(needle) for _label, needle in named) >= 8  # shorter ones would be found in noise
    assert hits(loot, named) == []
    assert hits(loot, secrets) == []
    assert hits({"pg_dump": loot["pg_dump"]}, born) == []


@pytest.mark.parametrize(
    ("label", "needle"), list(spellings(CONTROL)), ids=lambda part: part if isinstance(part, str) else ""
)
def test_the_search_would_find_each_spelling_if_it_were_there(tmp_path, label, needle):
    """Written by other means than the search's own list: each encoding once, inside a longer text."""
    written = {
        "UTF-16LE": f"xx{CONTROL}yy".encode("utf-16-le"),
        "UTF-16BE": f"xx{CONTROL}yy".encode("utf-16-be"),
        "Latin-1": f"xx{CONTROL}yy".encode("latin-1"),
        "CP850": f"xx{CONTROL}yy".encode("cp850"),
        "upper case": b"xxKL\xc3\x84RQU\xc3\x96MPELyy",
        "title case": b"xxKl\xc3\xa4rqu\xc3\xb6mpelyy",
        "without umlauts": b"xxklarquompelyy",
        "umlauts written out": b"xxklaerquoempelyy",
        "search key": b"xxklarquompelyy",
        "decomposed": b"xxkla\xcc\x88rquo\xcc\x88mpelyy",
        "hex": f"xx{CONTROL}yy".encode().hex().encode(),
        "upper hex": f"xx{CONTROL}yy".encode().hex().upper().encode(),
        "URL-encoded": urllib.parse.quote(f"xx {CONTROL} yy").encode(),
        "reversed": f"yy{CONTROL[::-1]}xx".encode(),
        "JSON": json.dumps({"name": f"xx{CONTROL}yy"}).encode(),
        "UTF-8": f"xx{CONTROL}yy".encode(),
        "base64 shifted by 0": base64.b64encode(f"xxx{CONTROL}yy".encode()),
        "base64 shifted by 1": base64.b64encode(f"x{CONTROL}yy".encode()),
        "base64 shifted by 2": base64.b64encode(f"xx{CONTROL}yy".encode()),
    }
    file = tmp_path / "planted"
    file.write_bytes(written[label])

    assert hits({"planted": file}, [(label, needle)]) == [(label, "planted")]


def test_the_database_with_another_key_file_opens_nothing(anna, specimens, tmp_path, monkeypatch):
    """The thief's best try: the whole database under a program with a root key of their own."""
    with anna.at_work():
        row = specimens.objects.create(name="Otto")
    thiefs = tmp_path / "root.key"
    thiefs.write_text(json.dumps({"environment": "test", "1": base64.b64encode(os.urandom(32)).decode()}))
    thiefs.chmod(0o600)
    monkeypatch.setattr(settings, "DENTATOOL_ROOT_KEY_FILE", str(thiefs))
    keys.forget_keys()
    try:
        with anna.at_work(), pytest.raises(DecryptError):
            _ = specimens.objects.get(pk=row.pk).name
    finally:
        monkeypatch.undo()
        keys.forget_keys()
    with anna.at_work():
        assert specimens.objects.get(pk=row.pk).name == "Otto"
