"""Demo laboratories, whose passwords stand in a file, are never made where people work."""

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings


def test_in_production_there_are_no_accounts_but_those_that_somebody_made(database, superuser):
    before = superuser.execute("select count(*) from protection_account").fetchone()

    with override_settings(DENTATOOL_MODE="production"), pytest.raises(CommandError, match="Vorführdaten"):
        call_command("demo")

    assert superuser.execute("select count(*) from protection_account").fetchone() == before
