"""Fixtures of the team's tests."""

from kit.conftest import django_queries  # noqa: F401  (a fixture)
