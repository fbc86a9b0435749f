"""dentatool bench: how fast the program is with all protection on, against hand-written SQL without any.

Founds a throwaway installation in a temporary folder, loads it, measures, removes it. docs/benchmarks.md tells how.
"""

import argparse
import json

from dentatool.project.console import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--quick` for minutes instead of a quarter of an hour; single numbers for trials."""
    parser.add_argument("--quick", action="store_true", help="100 Labore und 50.000 Aufträge statt 1.000 und 1.000.000")
    parser.add_argument("--json", action="store_true", help="alle Messwerte als JSON ausgeben")
    for name in ("laboratories", "orders", "patients", "rounds", "requests", "sealing_s"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=0, help=argparse.SUPPRESS)


def call(options: argparse.Namespace) -> int:
    """Measure and report. Exit code 1 when the plan of a list is wrong; missed targets are told, not punished."""
    from dentatool.project.bench import reporting, running, sizes  # noqa: PLC0415  (needs no Django until asked)

    found = running.run(sizes.sizes_of(options), quiet=options.json)
    if options.json:
        say(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        say("")
        for line in reporting.lines(found):
            say(line)
    wrong = [each for each in found["plans"] if each["problems"]]
    if wrong and not options.json:
        say(f"\n✗ {len(wrong)} Abfragen von Listen haben einen falschen Plan (siehe oben).")
    return 1 if wrong else 0
