"""dentatool monitor …: sees faults, tells them by mail, and tells when they are over."""

import argparse
import json
import signal
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from threading import Event

from psycopg import Connection, OperationalError

from dentatool.project.console import Failure, say
from dentatool.project.instance import start_django, this_instance


def arguments(parser: argparse.ArgumentParser) -> None:
    """One action each; `watch` is started by `dentatool run` once somebody is to be told."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="AKTION")
    actions.add_parser("watch", help="Jede Minute nachsehen und Störungen per E-Mail melden")
    status = actions.add_parser("status", help="Offene Störungen und das letzte Lebenszeichen")
    status.add_argument("--json", action="store_true", help="für Programme")
    taking = actions.add_parser("acknowledge", help="Eine Störung übernehmen: an sie wird nicht mehr erinnert")
    taking.add_argument("named", metavar="STÖRUNG", help="Kennung oder Name, wie in „monitor status“, etwa: Datenbank")
    taking.add_argument("--by", required=True, metavar="NAME", help="wer sie übernimmt")
    taking.add_argument("--reason", required=True, metavar="GRUND", help="was bekannt ist oder getan wird")

    opening = actions.add_parser("open", help="Einen Link zur Seite „Zustand“ ausgeben; er gilt eine halbe Stunde")
    opening.add_argument("--by", required=True, metavar="NAME", help="für wen")
    errors = actions.add_parser("errors", help="Fehler des Programms, nach Art und Stelle")
    errors.add_argument("--json", action="store_true", help="für Programme")
    settling = actions.add_parser(
        "settle", help="Einen Fehler des Programms als erledigt merken, bis er wieder auftritt"
    )
    settling.add_argument("fingerprint", metavar="KENNUNG", help="wie in „monitor errors“")


def call(options: argparse.Namespace) -> int:
    """`status`: 0 only if the watch is awake and no fault is open."""
    actions = {
        "watch": _watch, "status": _status, "acknowledge": _acknowledge, "errors": _errors, "settle": _settle,
        "open": _open,
    }  # fmt: skip
    return actions[options.action](options)


def _watch(options: argparse.Namespace) -> int:
    start_django("app")
    from dentatool.operations.doctor import examine  # noqa: PLC0415
    from dentatool.operations.monitoring.heartbeat import is_wanted  # noqa: PLC0415
    from dentatool.operations.monitoring.sampling import sample_for_ever  # noqa: PLC0415
    from dentatool.operations.monitoring.watching import watch  # noqa: PLC0415

    instance, stopping = this_instance(), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if not is_wanted():
        say(
            "Überwachung: Niemand erfährt von Störungen, denn weder DENTATOOL_ALERT_TO noch _HEARTBEAT_URL ist gesetzt."
        )
    watch(
        instance.var,
        lambda: examine(instance.var, production=instance.mode == "production"),
        stopping,
        say,
        beside=lambda: sample_for_ever(instance.var, stopping, say),
    )
    return 0


def _status(options: argparse.Namespace) -> int:
    from dentatool.operations.monitoring.alerts import Alerts  # noqa: PLC0415
    from dentatool.operations.monitoring.heartbeat import is_awake, last_look  # noqa: PLC0415

    var = this_instance().var
    seen, alerts = last_look(var), [alert for alert in Alerts(var).all() if alert.is_open]
    if options.json:
        facts = {
            "last_look": seen,
            "awake": is_awake(var),
            "open": [{"id": alert.id, **asdict(alert)} for alert in alerts],
        }
        say(json.dumps(facts, default=datetime.isoformat, ensure_ascii=False, indent=2))
    else:
        when = "nie" if seen is None else f"am {seen.astimezone():%d.%m.%Y um %H:%M:%S Uhr}"
        say(f"  {'✓' if is_awake(var) else '✗'} zuletzt nachgesehen: {when}")
        for alert in alerts:
            say(f"  ✗ {alert.id}  {alert.what}: {alert.found} (seit {alert.since.astimezone():%d.%m.%Y, %H:%M} Uhr)")
            say(f"      → {alert.mend}" + (f"; übernommen von {alert.taken}: {alert.reason}" if alert.taken else ""))
    return 0 if is_awake(var) and not alerts else 1


def _acknowledge(options: argparse.Namespace) -> int:
    from dentatool.operations.monitoring.alerts import Alerts  # noqa: PLC0415

    if not options.by.strip() or not options.reason.strip():
        raise Failure("--by und --reason dürfen nicht leer sein.")
    taken = Alerts(this_instance().var).acknowledge(options.named, by=options.by[:80], reason=options.reason[:200])
    if taken is None:
        raise Failure(f"Eine Störung „{options.named}“ gibt es nicht. Offen sind: dentatool monitor status")
    say(f"„{taken.what}“ ist übernommen von {options.by}.")
    return 0


def _open(options: argparse.Namespace) -> int:
    if not options.by.strip():
        raise Failure("--by darf nicht leer sein.")
    start_django("app")
    from dentatool.operations.monitoring.pass_link import LASTS_S, new_pass  # noqa: PLC0415

    say(f"{this_instance().address}betrieb/zustand/?schein={new_pass(options.by[:80])}")
    say(f"Gilt {LASTS_S // 60} Minuten, nur von Adressen aus DENTATOOL_METRICS_FROM (Vorgabe: dieser Rechner).")
    return 0


def _errors(options: argparse.Namespace) -> int:
    """0 only if none is open."""
    from dentatool.operations.monitoring.errors import as_json, groups  # noqa: PLC0415

    with _connected("backup") as link:
        found = groups(link)
    if options.json:
        say(json.dumps([as_json(group) for group in found], default=datetime.isoformat, ensure_ascii=False, indent=2))
    for group in found if not options.json else ():
        when = f"{group.first_at.astimezone():%d.%m.%Y, %H:%M} bis {group.last_at.astimezone():%d.%m.%Y, %H:%M} Uhr"
        say(f"  {'✗' if group.settled_at is None else '✓'} {group.fingerprint}  {group.kind} in {group.place}")
        say(f"      {group.count}-mal, {when}, bei: {group.part}, Version {group.version}")
    if not found:
        say("  ✓ kein Fehler des Programms")
    return int(any(group.settled_at is None for group in found))


def _settle(options: argparse.Namespace) -> int:
    from dentatool.operations.monitoring.errors import settle  # noqa: PLC0415

    with _connected("owner") as link:
        if not settle(link, options.fingerprint):
            raise Failure(f"Ein offener Fehler „{options.fingerprint}“ ist nicht bekannt: dentatool monitor errors")
    say("Als erledigt gemerkt. Tritt er wieder auf, ist er wieder offen.")
    return 0


def _connected(role: str) -> AbstractContextManager[Connection]:
    from dentatool.operations.environment import connect  # noqa: PLC0415

    file = this_instance().var / "secrets" / "database.json"
    if not file.exists():
        raise Failure("DentaTool ist noch nicht eingerichtet. Starten Sie zuerst: make run")
    try:
        return connect(json.loads(file.read_text()), role)
    except OperationalError as error:
        raise Failure(f"Die Datenbank ist nicht erreichbar: {str(error).strip().splitlines()[0]}") from error
