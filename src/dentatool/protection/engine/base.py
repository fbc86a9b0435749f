"""The database backend that settings name. Django looks for it in a module called `base`."""

from datetime import UTC
from functools import cache
from typing import Any

import psycopg
from django.db.backends.postgresql import base, features
from psycopg.adapt import AdaptersMap
from psycopg.pq import Format


class DatabaseFeatures(features.DatabaseFeatures):
    """Django groups by the primary key alone where it may; ours is wider than it knows."""

    allows_group_by_selected_pks = False


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL backend with that one difference, and times read in C.

    Each record carries two times. Django reads each in Python, to give it a time zone; with UTC on
    both sides (TIME_ZONE of the database unset) psycopg's own reader in C gives the same.
    """

    features_class = DatabaseFeatures

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        if self.timezone == UTC:
            params["context"] = _times_read_in_c(params["context"])
        return params

    def create_cursor(self, name: str | None = None) -> Any:
        if self.timezone != UTC:
            return super().create_cursor(name)
        # As Django does, without its question to the reader of times, which knows UTC alone.
        if name:
            return self.connection.cursor(name, scrollable=False, withhold=self.connection.autocommit)
        return self.connection.cursor()


@cache
def _times_read_in_c(context: AdaptersMap) -> AdaptersMap:
    reader = psycopg.adapters.get_loader(psycopg.adapters.types["timestamptz"].oid, Format.TEXT)
    assert reader is not None
    faster = AdaptersMap(context)
    faster.register_loader("timestamptz", reader)
    return faster
