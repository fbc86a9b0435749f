"""Advisories that cannot be used are refused in words, and never taken for none."""

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dentatool.operations.updates import reading
from dentatool.operations.updates.reading import Unusable, read, read_download
from operations.updates.records import BITNAMI_POSTGRESQL, FRESH, GHSA_DJANGO, PYSEC_DJANGO

RECORDS = [PYSEC_DJANGO, GHSA_DJANGO, BITNAMI_POSTGRESQL]
NAMES = sorted(each["id"] for each in RECORDS)


def zipped(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def ids(source: Path) -> list[str]:
    return sorted(each.id for each in read(source))


def test_a_list_a_record_an_answer_a_folder_and_a_zip_hold_the_same(tmp_path: Path) -> None:
    members = [(f"{each['id']}.json", json.dumps(each).encode()) for each in RECORDS]
    (tmp_path / "list.json").write_text(json.dumps(RECORDS))
    (tmp_path / "answer.json").write_text(json.dumps({"vulns": RECORDS}))
    (tmp_path / "one.json").write_text(json.dumps(PYSEC_DJANGO))
    (tmp_path / "all.zip").write_bytes(zipped(*members, ("README.md", b"nothing")))
    folder = tmp_path / "folder" / "deeper"
    folder.mkdir(parents=True)
    for name, content in members:
        (folder / name).write_bytes(content)

    for source in ("list.json", "answer.json", "all.zip", "folder"):
        assert ids(tmp_path / source) == NAMES, source
    assert ids(tmp_path / "one.json") == [PYSEC_DJANGO["id"]]
    assert sorted(each.id for each in read_download("von fern", zipped(*members))) == NAMES


RECORD = json.dumps(PYSEC_DJANGO)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "kein JSON"),
        (b"[]", "keine einzige Meldung"),
        (b'{"vulns": []}', "keine einzige Meldung"),
        (RECORD[:-20].encode(), "kein JSON, oder abgeschnitten"),
        (b"<html>Anmeldung erforderlich</html>", "kein JSON"),
        ('[{"id": "Müller"}]'.encode("latin-1"), "nicht in UTF-8"),
        (b"7", "keine Meldungen im OSV-Format"),
        (b"null", "keine Meldungen im OSV-Format"),
        (b'{"vulns": {}}', "keine Meldungen im OSV-Format"),
        (b'["CVE-2024-1"]', "ohne „id“"),
        (b'[{"modified": "2026-11-26T00:00:00Z"}]', "ohne „id“"),
        (b'[{"id": "X"}]', "ohne lesbares „modified“"),
        (b'[{"id": "X", "modified": "gestern"}]', "ohne lesbares „modified“"),
        (b"[" * 100_000, "kein JSON"),
        (zipped(), "keine einzige Meldung"),
        (zipped(("X.json", b"{")), "kein JSON"),
        (zipped(("X.txt", RECORD.encode())), "keine einzige Meldung"),
        (zipped(("X.json", RECORD.encode()))[:-30], "kein heiles ZIP"),
        (b"PK\x03\x04" + b"\0" * 100, "kein heiles ZIP"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "advisories"
    file.write_bytes(content)

    with pytest.raises(Unusable, match=words):
        list(read(file))


@pytest.mark.parametrize(
    "wrong",
    [
        {"affected": {}, "aliases": "CVE-1"},
        {"affected": "django"},
        {"affected": ["django"]},
        {"affected": [{"package": "django"}]},
        {"affected": [{"ranges": {"type": "GIT"}}]},
        {"affected": [{"ranges": ["GIT"]}]},
        {"affected": [{"ranges": [{"events": {"introduced": "0"}}]}]},
        {"affected": [{"ranges": [{"events": ["0"]}]}]},
        {"affected": [{"versions": "5.0.7"}]},
        {"aliases": [7]},
    ],
)
def test_a_record_of_another_shape_is_refused_with_its_name(tmp_path: Path, wrong: dict[str, Any]) -> None:
    file = tmp_path / "advisories.json"
    file.write_text(json.dumps([{"id": "X-7", "modified": FRESH} | wrong]))

    with pytest.raises(Unusable, match=r"X-7.*nicht, wie OSV es vorschreibt"):
        list(read(file))


def test_a_changed_byte_in_a_zip_is_noticed(tmp_path: Path) -> None:
    content = bytearray(zipped(("X.json", RECORD.encode() * 1)))
    content[60] ^= 1
    (tmp_path / "all.zip").write_bytes(content)

    with pytest.raises(Unusable):
        list(read(tmp_path / "all.zip"))


def test_a_zip_bomb_is_put_down_before_it_goes_off(tmp_path: Path) -> None:
    """A member of 2 GB, packed into 2 MB."""
    bomb = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("X.json", "w", force_zip64=True) as file,
    ):
        for _ in range(256):
            file.write(b" " * 1_000_000)

    begun = time.process_time()
    with pytest.raises(Unusable, match="unglaubhaft groß"):
        list(read(bomb))
    assert time.process_time() - begun < 2


def test_many_large_members_are_too_much_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_WHOLE", 10 * len(RECORD))
    (tmp_path / "all.zip").write_bytes(zipped(*((f"{number}.json", RECORD.encode()) for number in range(11))))

    with pytest.raises(Unusable, match="unglaubhaft groß"):
        list(read(tmp_path / "all.zip"))


def test_fifty_megabytes_of_nonsense_are_refused_soon(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    file.write_bytes(b'["' + b"x" * 50_000_000)

    begun = time.process_time()
    with pytest.raises(Unusable, match="abgeschnitten"):
        list(read(file))
    assert time.process_time() - begun < 5
    with file.open("ab") as more:
        more.write(b"x" * 20_000_000)
    with pytest.raises(Unusable, match="größer als 64 MB"):
        list(read(file))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.json")
    for source in (tmp_path / "missing", tmp_path / "pipe.json", Path("/dev/zero")):
        with pytest.raises(Unusable, match="gibt es nicht"):
            list(read(source))
    with pytest.raises(Unusable, match="keine einzige Meldung"):
        list(read(tmp_path))


def test_what_may_not_be_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "advisories.json"
    file.write_text("[]")
    folder = tmp_path / ("n" * 250)
    with pytest.raises(Unusable, match=r"gibt es nicht|lässt sich nicht lesen"):
        list(read(folder / ("m" * 300)))
