"""Published passwords: found in a sorted file of any size by reading a few lines of it; a wrong file stops the start."""

import hashlib
import sys
import time
from random import Random

import pytest

from dentatool.protection.published import PublishedPasswords, Unusable


def sha1(password):
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def written(file, hashes, end="\r\n", last=True):
    lines = [f"{each}:{place * 7 + 1}" for place, each in enumerate(hashes)]
    file.write_bytes((end.join(lines) + (end if last else "")).encode())
    return file


@pytest.mark.parametrize("count", [1, 2, 3, 100, 5_000])
@pytest.mark.parametrize(("end", "last"), [("\r\n", True), ("\n", True), ("\n", False)])
def test_each_line_is_found_and_nothing_between(tmp_path, count, end, last):
    passwords = [f"passwort {number}" for number in range(count)]
    published = PublishedPasswords(written(tmp_path / "list", sorted(map(sha1, passwords)), end, last))

    assert all(published.hold(password) for password in passwords)
    assert not any(published.hold(f"anderes {number}") for number in range(count))


def test_hashes_in_small_letters_are_read_as_well(tmp_path):
    published = PublishedPasswords(written(tmp_path / "list", sorted(sha1(f"{n}").lower() for n in range(50))))

    assert published.hold("7") and not published.hold("70")


@pytest.mark.slow
def test_a_look_up_takes_less_than_five_milliseconds(tmp_path):
    """A file two hundred thousand times as large takes 18 steps more."""
    random = Random(3)
    file = written(tmp_path / "list", sorted(f"{random.getrandbits(160):040X}" for _ in range(400_000)))
    published = PublishedPasswords(file)
    began = time.perf_counter()

    for number in range(2_000):
        published.hold(f"passwort {number}")

    each_ms = (time.perf_counter() - began) / 2_000 * 1000
    sys.stderr.write(f"published passwords: {each_ms:.3f} ms a look-up among 400,000\n")
    assert each_ms < 5


def unusable(file):
    with pytest.raises(Unusable) as refused:
        PublishedPasswords(file)
    return str(refused.value)


def test_a_file_that_is_not_what_it_should_be_is_refused_in_words(tmp_path):
    hashes = sorted(sha1(f"{n}") for n in range(2_000))
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("Sehr geehrte Damen und Herren,\n" * 900)
    by_count = Random(1).sample(hashes, len(hashes))

    assert "lässt sich nicht lesen" in unusable(tmp_path / "away")
    assert "lässt sich nicht lesen" in unusable(tmp_path)
    assert "ist leer" in unusable(tmp_path / "empty")
    assert "SHA-1:Anzahl" in unusable(tmp_path / "text")
    assert "nicht nach Hash sortiert" in unusable(written(tmp_path / "by_count", by_count))
    assert "nicht nach Hash sortiert" in unusable(written(tmp_path / "backwards", hashes[::-1]))
    assert "SHA-1:Anzahl" in unusable(written(tmp_path / "ntlm", [each[:32] for each in hashes]))
