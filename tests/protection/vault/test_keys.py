"""The key ring and the root key: who may unwrap what, and what happens when something is missing."""

import base64
import json
import os
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.utils import ProgrammingError

from dentatool.protection.models import LabKey
from dentatool.protection.tenancy import laboratory
from dentatool.protection.tenancy.internal.passes import NoPass
from dentatool.protection.vault import DecryptError
from dentatool.protection.vault.internal import keys, lab_secrets
from dentatool.protection.vault.internal.keys import KeyMissing, add_key, create_key_ring, key_of_version, newest_key
from dentatool.protection.vault.internal.rootkey import RootKeyError, check_root_key, unwrap, wrap


@pytest.fixture
def root_file(tmp_path, settings_root):
    """A root key file of our own."""
    file = tmp_path / "root.key"
    write(file, {"environment": "test", "1": base64.b64encode(b"1" * 32).decode()})
    settings_root(file)
    return file


@pytest.fixture
def settings_root(monkeypatch):
    """Point the program to another root key file for one test."""
    from django.conf import settings

    def point(file):
        monkeypatch.setattr(settings, "DENTATOOL_ROOT_KEY_FILE", str(file))

    return point


def with_secret():
    """A new laboratory as far as the vault knows it."""
    lab_id = uuid4()
    lab_secrets.make(lab_id)
    return lab_id


def write(file, content, mode=0o600):
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    file.chmod(mode)


def test_a_wrapped_key_unwraps_to_itself(root_file):
    lab_id, key = with_secret(), os.urandom(32)

    assert unwrap(wrap(key, lab_id, "data", 1), lab_id, "data", 1) == key


def test_a_wrapped_key_opens_for_no_other_laboratory_kind_or_version(root_file):
    lab_id = with_secret()
    wrapped = wrap(os.urandom(32), lab_id, "data", 1)
    for wrong in [(with_secret(), "data", 1), (lab_id, "index", 1), (lab_id, "data", 2)]:
        with pytest.raises(RootKeyError):
            unwrap(wrapped, *wrong)


def test_every_changed_bit_and_cut_of_a_wrapped_key_is_noticed(root_file):
    lab_id = with_secret()
    wrapped = wrap(os.urandom(32), lab_id, "data", 1)
    broken = [wrapped[:cut] for cut in range(len(wrapped))]
    broken += [bytes(byte ^ (bit == place) for place, byte in enumerate(wrapped)) for bit in range(len(wrapped))]
    for one in broken:
        with pytest.raises(RootKeyError):
            unwrap(one, lab_id, "data", 1)


def test_the_newest_root_key_wraps_and_the_older_ones_still_unwrap(root_file):
    lab_id, key = with_secret(), os.urandom(32)
    old = wrap(key, lab_id, "data", 1)
    both = {**json.loads(root_file.read_text()), "2": base64.b64encode(b"2" * 32).decode()}
    write(root_file, both)

    assert unwrap(old, lab_id, "data", 1) == key
    new = wrap(key, lab_id, "data", 1)
    assert (old[:4], new[:4]) == (b"\0\0\0\1", b"\0\0\0\2")
    write(root_file, {"environment": "test", "2": both["2"]})
    assert unwrap(new, lab_id, "data", 1) == key
    with pytest.raises(RootKeyError, match="Fassung 1 fehlt"):
        unwrap(old, lab_id, "data", 1)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_root_key_that_others_may_touch_is_refused(root_file, mode):
    root_file.chmod(mode)

    with pytest.raises(RootKeyError, match="chmod 600"):
        check_root_key()


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "{", {"1": 5}, {"1": "AAAA"}, {"0": base64.b64encode(b"1" * 32).decode()}, {"x": "AAAA"}],
)
def test_a_damaged_root_key_is_refused_with_a_reason(root_file, content):
    write(root_file, content)

    with pytest.raises(RootKeyError, match=r"beschädigt|gültigen"):
        check_root_key()


def test_a_missing_root_key_a_link_and_a_folder_are_refused(root_file, tmp_path, settings_root):
    link = tmp_path / "link.key"
    link.symlink_to(root_file)
    for wrong in (tmp_path / "absent.key", link, tmp_path):
        settings_root(wrong)
        with pytest.raises(RootKeyError):
            check_root_key()
    root_file.chmod(0o400)
    settings_root(root_file)
    check_root_key()


def test_a_new_laboratory_has_one_key_of_each_kind_all_different(anna, bert):
    secrets = []
    for member in (anna, bert):
        with member.at_work():
            assert sorted(LabKey.objects.values_list("kind", "key_version")) == [("data", 1), ("file", 1), ("index", 1)]
            secrets += [newest_key(member.lab_id, kind).secret for kind in keys.KINDS]

    assert len(set(secrets)) == 6
    assert {len(secret) for secret in secrets} == {32}


def test_the_database_holds_no_key_in_clear(anna, superuser):
    with anna.at_work():
        secrets = [newest_key(anna.lab_id, kind).secret for kind in keys.KINDS]
    rows = superuser.execute("select wrapped from protection_labkey where lab_id = %s", [anna.lab_id]).fetchall()

    assert len(rows) == 3
    assert not any(secret in wrapped for secret in secrets for (wrapped,) in rows)


def test_keys_never_enter_the_trail(anna, superuser):
    with anna.at_work():
        add_key(anna.lab_id, "data", 2)
    found = superuser.execute(
        "select count(*) from protection_entry where what = 'protection_labkey' and lab_id = %s", [anna.lab_id]
    ).fetchone()

    assert found == (0,)


def test_a_key_ring_is_made_only_once(anna):
    with pytest.raises(IntegrityError), anna.at_work():
        create_key_ring(anna.lab_id)


def test_nobody_gets_a_key_of_another_laboratory_even_one_that_is_at_hand(anna, bert):
    with anna.at_work():
        newest_key(anna.lab_id, "data")
    with bert.at_work(), pytest.raises(KeyMissing):
        newest_key(anna.lab_id, "data")
    with bert.at_work(), pytest.raises(KeyMissing):
        create_key_ring(anna.lab_id)
    with pytest.raises(NoPass):
        newest_key(anna.lab_id, "data")


@pytest.mark.parametrize("change", ["update protection_labkey set key_version = 9", "delete from protection_labkey"])
def test_the_app_can_neither_change_nor_delete_a_key(anna, change):
    from django.db import connection

    with pytest.raises(ProgrammingError, match="permission denied"), anna.at_work(), connection.cursor() as cursor:
        cursor.execute(change)


def test_a_second_version_seals_from_then_on_and_the_first_still_opens(anna, specimens):
    with anna.at_work():
        old = specimens.objects.create(name="Alt")
        add_key(anna.lab_id, "data", 2)
        add_key(anna.lab_id, "index", 2)
    keys.forget_keys()
    with anna.at_work():
        new = specimens.objects.create(name="Neu")
        stored = dict(specimens.objects.values_list("name_sealed", "pk"))
        versions = {pk: sealed.raw[4:8] for sealed, pk in stored.items()}

        assert versions == {old.pk: b"\0\0\0\1", new.pk: b"\0\0\0\2"}
        assert {row.name for row in specimens.objects.all()} == {"Alt", "Neu"}
        from dentatool.protection.vault import find_sealed

        assert find_sealed(specimens, "name", "alt", whole=True) == [old.pk]
        assert find_sealed(specimens, "name", "neu", whole=True) == [new.pk]


def test_a_key_that_was_rolled_back_is_not_used_again(database, specimens):
    lab_id = uuid4()
    with laboratory(lab_id):
        create_key_ring(lab_id)
        first = newest_key(lab_id, "data").secret
        transaction.set_rollback(True)
    with laboratory(lab_id):
        create_key_ring(lab_id)
        row = specimens.objects.create(name="Otto")
        assert newest_key(lab_id, "data").secret != first
    keys.forget_keys()
    with laboratory(lab_id):
        assert specimens.objects.get(pk=row.pk).name == "Otto"


def test_deleting_the_keys_makes_everything_unreadable(anna, specimens, superuser):
    with anna.at_work():
        row = specimens.objects.create(name="Otto")
    superuser.execute("delete from protection_labkey where lab_id = %s", [anna.lab_id])
    keys.forget_keys()

    with anna.at_work(), pytest.raises(DecryptError, match="Schlüsselfassung"):
        _ = specimens.objects.get(pk=row.pk).name
    with anna.at_work(), pytest.raises(KeyMissing):
        key_of_version(anna.lab_id, "data", 1)


def test_unwrapped_keys_are_bounded_and_expire(monkeypatch):
    monkeypatch.setattr(keys, "_MOST_KEYS", 2)
    ring = keys._Ring()
    names = [(uuid4(), "data", 1) for _ in range(3)]
    for name in names:
        ring.put(name, keys.Key(1, b"", None))
    assert [ring.get(name) is not None for name in names] == [False, True, True]

    monkeypatch.setattr(keys, "_LIFETIME_S", -1.0)
    ring.put(names[0], keys.Key(1, b"", None))
    assert ring.get(names[0]) is None
