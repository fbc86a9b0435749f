"""Fixtures of the kit's tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.test import override_settings


@pytest.fixture
def django_queries(database: dict) -> Callable:
    """`with django_queries() as asked: …`: the statements that Django sent meanwhile."""
    from django.db import connection

    @contextmanager
    def recording() -> Iterator[list[str]]:
        asked: list[str] = []

        def note(execute, sql, params, many, context):
            asked.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            yield asked

    return recording


@pytest.fixture
def unhashed_static() -> Iterator[None]:
    """Static files under their own names, so that rendering needs no collectstatic."""
    from dentatool.kit import assets

    caches = (assets.style_links, assets._script_addresses)
    storages = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    for cache in caches:
        cache.cache_clear()
    with override_settings(STORAGES=storages):
        yield
    for cache in caches:
        cache.cache_clear()
