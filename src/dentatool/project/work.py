"""dentatool worker: background jobs, in the worker's database role."""

import argparse

from dentatool.project.instance import start_django


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def call(options: argparse.Namespace) -> int:
    """Work until stopped by SIGTERM or Ctrl-C."""
    start_django("worker")
    from dentatool.kit.jobs import work_forever  # noqa: PLC0415

    work_forever()
    return 0
