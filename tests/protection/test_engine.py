"""The database backend: what it adds to Django's."""

import pytest
from django.db import OperationalError, connection

from dentatool.practices.models import Practice


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the cursor that could not be closed
def test_a_connection_lost_while_rows_are_read_in_blocks_is_told_as_any_other(anna, superuser):
    """Django closes the cursor then, which fails as well: unwrapped, that was a fault of the program to the Gate."""
    with anna.at_work():
        for number in ("71", "72", "73"):
            Practice.objects.create(customer_number=number, name="Praxis am Markt")

    with pytest.raises(OperationalError), anna.at_work():
        rows = Practice.objects.iterator(chunk_size=1)
        next(rows)
        superuser.execute("select pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        rows.close()
