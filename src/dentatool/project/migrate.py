"""dentatool migrate: schema, then protection of every table (hooked to Django's migrate itself)."""

import argparse

from dentatool.project.instance import start_django


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options: there is one way to be up to date."""


def call(options: argparse.Namespace) -> int:
    """Bring the database up to date in the owner's role, and collect the static files."""
    start_django("owner")
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=1)
    call_command("collectstatic", interactive=False, verbosity=0)
    return 0
