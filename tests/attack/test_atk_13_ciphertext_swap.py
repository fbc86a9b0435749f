"""ATK-13: the database's owner moves ciphertext to where it does not belong. It opens nowhere else."""

import pytest
from django.db import connection

from dentatool.protection.access import Account
from dentatool.protection.vault import DecryptError, find_sealed
from dentatool.protection.vault.internal import keys
from harness.specimen import overwrite


@pytest.fixture
def stored(superuser):
    """The bytes of one column of one row."""

    def read(row, column="name"):
        return superuser.execute(f"select {column} from vault_specimen where id = %s", [row.pk]).fetchone()[0]

    return read


def test_a_name_copied_to_another_row_does_not_open(anna, specimens, superuser, stored):
    with anna.at_work():
        victim, other = specimens.objects.create(name="Otto"), specimens.objects.create(name="Anna")
    overwrite(superuser, other.pk, name=stored(victim))

    with anna.at_work():
        with pytest.raises(DecryptError):
            _ = specimens.objects.get(pk=other.pk).name
        assert specimens.objects.get(pk=victim.pk).name == "Otto"
        assert find_sealed(specimens, "name", "otto") == [victim.pk]
        assert find_sealed(specimens, "name", "otto", whole=True) == [victim.pk]


def test_a_name_copied_to_another_column_does_not_open(anna, specimens, superuser, stored):
    with anna.at_work():
        row = specimens.objects.create(name="Otto", remarks="zart", birth_date="1980-01-01", scan=b"scan")
    for column, source in (("remarks", "name"), ("name", "remarks"), ("birth_date", "remarks"), ("scan", "remarks")):
        kept = stored(row, column)
        overwrite(superuser, row.pk, **{column: stored(row, source)})
        with anna.at_work(), pytest.raises(DecryptError):
            getattr(specimens.objects.get(pk=row.pk), column)
        overwrite(superuser, row.pk, **{column: kept})


def test_a_name_copied_to_another_table_does_not_open(anna, specimens, superuser, stored):
    with anna.at_work():
        account = Account.objects.get(role="owner")
        row = specimens.objects.create(pk=account.pk, name="Otto", remarks="zart")  # even under the same id
    for source in ("name", "remarks"):
        superuser.execute("set session_replication_role = replica")
        superuser.execute(
            "update protection_account set display_name = %s where id = %s", [stored(row, source), account.pk]
        )
        superuser.execute("set session_replication_role = origin")
        with anna.at_work(), pytest.raises(DecryptError):
            _ = Account.objects.get(pk=account.pk).display_name


def test_a_name_copied_to_another_laboratory_does_not_open(anna, bert, specimens, superuser, stored):
    with anna.at_work():
        row = specimens.objects.create(name="Otto")
    with bert.at_work():
        own = specimens.objects.create(name="Karl")
    overwrite(superuser, own.pk, name=stored(row))

    with bert.at_work(), pytest.raises(DecryptError):
        _ = specimens.objects.get(pk=own.pk).name


def test_a_whole_row_moved_to_another_laboratory_does_not_open(anna, bert, specimens, superuser):
    with anna.at_work():
        row = specimens.objects.create(name="Otto")
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update vault_specimen set lab_id = %s where id = %s", [bert.lab_id, row.pk])
    superuser.execute("set session_replication_role = origin")

    with bert.at_work():
        with pytest.raises(DecryptError):
            _ = specimens.objects.get(pk=row.pk).name
        assert find_sealed(specimens, "name", "otto") == []


def test_a_row_moved_together_with_its_keys_does_not_open(anna, bert, specimens, superuser):
    """Keys are wrapped for their laboratory: taking them along does not help."""
    with anna.at_work():
        row = specimens.objects.create(name="Otto")
    superuser.execute("set session_replication_role = replica")
    superuser.execute("delete from protection_labkey where lab_id = %s", [bert.lab_id])
    superuser.execute("update protection_labkey set lab_id = %s where lab_id = %s", [bert.lab_id, anna.lab_id])
    superuser.execute("update vault_specimen set lab_id = %s where id = %s", [bert.lab_id, row.pk])
    superuser.execute("set session_replication_role = origin")
    keys.forget_keys()

    with bert.at_work(), pytest.raises(DecryptError, match="Hauptschlüssel"):
        _ = specimens.objects.get(pk=row.pk).name


def test_an_older_name_of_the_same_row_is_given_away_by_the_trail(anna, specimens, superuser, stored):
    """Within its own row an old ciphertext is genuine; that the row never went back to it, only the trail knows."""
    with anna.at_work():
        row = specimens.objects.create(name="Vorher")
    old = stored(row)
    with anna.at_work():
        row.name = "Nachher"
        row.save()
    assert _differs_from_trail(superuser, row) is False

    overwrite(superuser, row.pk, name=old)

    with anna.at_work():
        assert specimens.objects.get(pk=row.pk).name == "Vorher"
    assert _differs_from_trail(superuser, row) is True


def _differs_from_trail(superuser, row):
    """Whether the row's bytes are other than those that the last entry about the column says."""
    (said,) = superuser.execute(
        "select changes -> 'name' ->> 1 from protection_entry"
        " where record_id = %s and changes ? 'name' order by at desc limit 1",
        [row.pk],
    ).fetchone()
    (held,) = superuser.execute("select name from vault_specimen where id = %s", [row.pk]).fetchone()
    return said != "\\x" + held.hex()


def test_the_app_itself_cannot_move_names_between_laboratories(anna, bert, specimens):
    """With arbitrary SQL in the app's role the swap does not even get that far."""
    with anna.at_work():
        row = specimens.objects.create(name="Otto")
    with bert.at_work(), connection.cursor() as cursor:
        cursor.execute("update vault_specimen set name = '' where id = %s", [row.pk])
        assert cursor.rowcount == 0
