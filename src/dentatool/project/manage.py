"""dentatool manage …: Django's own commands."""

import argparse
import os

from dentatool.project.instance import start_django


def arguments(parser: argparse.ArgumentParser) -> None:
    """Everything after `manage` goes to Django."""


def call(options: argparse.Namespace) -> int:
    """Run one Django command in the role named by DENTATOOL_DB_ROLE (default: app)."""
    start_django(os.environ.get("DENTATOOL_DB_ROLE", "app"))
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    execute_from_command_line(["dentatool manage", *options.rest])
    return 0
