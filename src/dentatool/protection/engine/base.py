"""The database backend that settings name. Django looks for it in a module called `base`."""

import secrets
from datetime import UTC
from functools import cache
from typing import Any

import psycopg
from django.db.backends import utils
from django.db.backends.postgresql import base, features
from psycopg.adapt import AdaptersMap
from psycopg.pq import Format


class DatabaseFeatures(features.DatabaseFeatures):
    """Django groups by the primary key alone where it may; ours is wider than it knows."""

    allows_group_by_selected_pks = False


class CursorWrapper(utils.CursorWrapper):
    """Closing a cursor that reads in blocks asks the database too; a lost connection is told as everywhere else."""

    WRAP_ERROR_ATTRS = utils.CursorWrapper.WRAP_ERROR_ATTRS | {"close"}


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL backend with these two differences, and times read in C.

    Each record carries two times. Django reads each in Python, to give it a time zone; with UTC on
    both sides (TIME_ZONE of the database unset) psycopg's own reader in C gives the same.
    """

    features_class = DatabaseFeatures

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        if self.timezone == UTC:
            params["context"] = _times_read_in_c(params["context"])
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        link = super().get_new_connection(conn_params)
        _keep_statements_from_being_exchanged(link)
        return link

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        return CursorWrapper(cursor, self)

    def create_cursor(self, name: str | None = None) -> Any:
        if self.timezone != UTC:
            return super().create_cursor(name)
        # As Django does, without its question to the reader of times, which knows UTC alone.
        if name:
            return self.connection.cursor(name, scrollable=False, withhold=self.connection.autocommit)
        return self.connection.cursor()


def _keep_statements_from_being_exchanged(link: Any) -> None:
    """Whoever knows the name of a prepared statement can put another under it: arbitrary SQL of one laboratory would be
    run later by the program itself, for the next. Hence names that nobody guesses (psycopg counts from 0), and nothing
    prepared where names can be looked up (hardening.py closes that; it needs a superuser).
    """
    link._prepared._prepared_idx = secrets.randbits(96)
    shown = link.pgconn.exec_(b"SELECT has_function_privilege('pg_catalog.pg_prepared_statement()', 'execute')")
    if shown.get_value(0, 0) != b"f":
        link.prepare_threshold = None


@cache
def _times_read_in_c(context: AdaptersMap) -> AdaptersMap:
    reader = psycopg.adapters.get_loader(psycopg.adapters.types["timestamptz"].oid, Format.TEXT)
    assert reader is not None
    faster = AdaptersMap(context)
    faster.register_loader("timestamptz", reader)
    return faster
