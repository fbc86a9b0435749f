"""What the installation signed cannot be changed unseen."""

import base64
import hashlib
import json

import pytest

from dentatool.values.signed_file import SignatureError, check_file, public_key_of, sign_file

CONTENT = b"%PDF-1.7 ... %%EOF\n"


@pytest.fixture
def key(tmp_path):
    file = tmp_path / "signing.key"
    file.write_text("11" * 32)
    return file


@pytest.fixture
def other(tmp_path):
    file = tmp_path / "other.key"
    file.write_text("22" * 32)
    return file


def test_what_was_signed_comes_back_with_its_facts(key):
    found = check_file(sign_file(CONTENT, {"review": "7"}, key), public_key_of(key))

    assert (found.content, found.facts) == (CONTENT, {"review": "7"})
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_every_changed_byte_is_seen(key):
    file, public = sign_file(CONTENT, {"review": "7"}, key), public_key_of(key)

    for place in range(len(file) - 1):
        changed = file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]
        with pytest.raises(SignatureError):
            check_file(changed, public)


@pytest.mark.parametrize("change", [
    lambda file: CONTENT, lambda file: file[:-20], lambda file: file.replace(b"1.7", b"1.4"), lambda file: file + file,
    lambda file: CONTENT + b"\n%DentaTool-Signatur \n", lambda file: CONTENT + b"\n%DentaTool-Signatur W10=\n",
    lambda file: b"",
])  # fmt: skip
def test_what_is_cut_or_put_together_is_refused(key, change):
    with pytest.raises(SignatureError):
        check_file(change(sign_file(CONTENT, {}, key)), public_key_of(key))


def test_another_key_does_not_pass_for_ours_even_with_our_name_on_it(key, other):
    theirs = sign_file(CONTENT, {}, other)
    with pytest.raises(SignatureError, match="anderen Schlüssel"):
        check_file(theirs, public_key_of(key))

    head, _, line = theirs.rpartition(b"\n%DentaTool-Signatur ")
    told = json.loads(base64.b64decode(line)) | {"key": public_key_of(key)}
    forged = head + b"\n%DentaTool-Signatur " + base64.b64encode(json.dumps(told).encode()) + b"\n"
    with pytest.raises(SignatureError, match="passt nicht"):
        check_file(forged, public_key_of(key))
