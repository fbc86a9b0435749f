"""dentatool doctor: what is wrong with this installation and how to mend it."""

import argparse
import json
from contextlib import suppress

from dentatool.operations.doctor import Finding, examine
from dentatool.project.console import Failure, say
from dentatool.project.instance import start_django, this_instance

_SIGNS = {"gut": "✓", "warnung": "!", "fehler": "✗"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--json` for machines."""
    parser.add_argument("--json", action="store_true", help="Ergebnis als JSON")


def call(options: argparse.Namespace) -> int:
    """Exit code 1 if anything is wrong; warnings alone give 0."""
    instance = this_instance()
    with suppress(Failure):  # never set up: the doctor says so
        start_django("app")
    findings = examine(instance.var, production=instance.mode == "production")
    if options.json:
        say(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            _show(finding)
    return 1 if any(finding.status == "fehler" for finding in findings) else 0


def _show(finding: Finding) -> None:
    say(f"  {_SIGNS[finding.status]} {finding.what}: {finding.found}")
    if finding.mend:
        say(f"      → {finding.mend}")
