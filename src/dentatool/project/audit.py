"""dentatool audit platform: what happened to the platform as a whole, for its operators."""

import argparse
import json
from datetime import datetime
from typing import Any

from dentatool.project.console import printable, say
from dentatool.project.instance import start_django


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whoever reads says why; the reason is noted like the reading itself (project/noted.py)."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="platform")
    platform = actions.add_parser("platform", help="Ereignisse, die zu keinem Labor gehören")
    platform.add_argument(
        "--reason", required=True, metavar="TEXT", help="wozu gelesen wird; steht danach selbst darin"
    )
    platform.add_argument("--days", type=int, default=7, metavar="TAGE", help="wie weit zurück (sonst 7)")
    platform.add_argument("--event", metavar="NAME", help="nur dieses Ereignis, etwa authn_login_fail")
    platform.add_argument("--most", type=int, default=200, metavar="ZAHL", help="höchstens so viele (sonst 200)")
    platform.add_argument("--json", action="store_true", help="eine Zeile JSON je Ereignis")


def call(options: argparse.Namespace) -> int:
    """Newest last, as on a terminal one wants it."""
    start_django("app")
    found = _events(options.days, options.event, options.most)
    for at, event, facts in reversed(found):
        if options.json:
            say(json.dumps({"at": at.isoformat(), "event": event, "facts": facts}, ensure_ascii=False))
        else:
            say(_line(at, event, facts))
    if not found and not options.json:
        say("Keine Ereignisse.")
    return 0


def _events(days: int, event: str | None, most: int) -> list[tuple[datetime, str, dict[str, Any]]]:
    from dentatool.protection.founding import connect_as_owner  # noqa: PLC0415

    with connect_as_owner() as owner:
        return owner.execute(
            "select at, event, facts from protection_platformevent"
            " where at > now() - make_interval(days => %s) and (%s::text is null or event = %s) order by at desc limit %s",
            [days, event, event, most],
        ).fetchall()


def _line(at: datetime, event: str, facts: dict[str, Any]) -> str:
    from dentatool.protection.audit.vocabulary import FACTS, WORDS  # noqa: PLC0415

    words = WORDS[event].german if event in WORDS else ""
    told = ", ".join(f"{FACTS.get(key, key)}: {_plain(value)}" for key, value in facts.items() if value not in ("", []))
    return f"{at.astimezone():%d.%m.%Y %H:%M:%S}  {event:<32} {words}{f' ({told})' if told else ''}"


def _plain(value: Any) -> str:
    return printable(" ".join(str(item) for item in value) if isinstance(value, list) else str(value))
