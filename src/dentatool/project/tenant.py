"""dentatool tenant create|list: laboratories of this installation."""

import argparse
import secrets
from uuid import UUID

from dentatool.project.console import Failure, say
from dentatool.project.instance import start_django


def arguments(parser: argparse.ArgumentParser) -> None:
    """Create asks for what stands on documents and decides prices; the rest is entered on the page „Labor“."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|list")
    actions.add_parser("list", help="Alle Labore mit ihrer Kennung")
    create = actions.add_parser("create", help="Ein neues Labor mit seinem ersten Konto anlegen")
    create.add_argument("name", help="Name des Labors, wie er auf Rechnungen steht")
    create.add_argument("--region", required=True, help="Abrechnungsbereich, etwa BY, WL, NR")
    create.add_argument("--place", required=True, help="Herstellungsort wie im XML, etwa D-Rosenheim")
    create.add_argument("--lab-type", choices=("gewerbe", "praxis"), default="gewerbe", help="Art des Labors")
    create.add_argument(
        "--owner", required=True, metavar="NAME", help="Vor- und Nachname der Inhaberin oder des Inhabers"
    )
    create.add_argument(
        "--sign-in", required=True, metavar="E-MAIL", help="Anmeldename der Inhaberin oder des Inhabers"
    )


def call(options: argparse.Namespace) -> int:
    """Create or list."""
    return _create(options) if options.action == "create" else _list()


def _create(options: argparse.Namespace) -> int:
    start_django("app")
    from dentatool.protection.audit import record_event  # noqa: PLC0415
    from dentatool.protection.founding import connect_as_owner  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415
    from dentatool.team.founding import FirstAccount, create_laboratory  # noqa: PLC0415
    from dentatool.team.models import Region  # noqa: PLC0415

    region = options.region.upper()
    if region not in Region.values:
        raise Failure(
            f"Den Abrechnungsbereich {options.region!r} gibt es nicht. Möglich sind: {', '.join(Region.values)}."
        )
    if not options.name.strip() or not options.owner.strip() or "@" not in options.sign_in:
        raise Failure("Name des Labors, Name der Person und eine E-Mail-Adresse als Anmeldename sind nötig.")
    password = secrets.token_urlsafe(12)
    first = FirstAccount(options.owner.strip(), options.sign_in.strip(), password)
    with connect_as_owner() as owner:
        lab_id = create_laboratory(
            owner, options.name.strip(), first, region=region, place=options.place, lab_type=options.lab_type
        )
    with laboratory(lab_id):
        record_event("sys_admin", command="tenant create")
    say(f"Labor angelegt: {lab_id}  {options.name.strip()}")
    say(
        "Sein Geheimnis ist neu in var/keys/labs und in keiner Sicherung: Erneuern Sie die Kopie mit dentatool keys copy."
    )
    say(f"Anmeldung:      {first.sign_in_name}  Passwort {password}  (wird nur jetzt gezeigt)")
    return 0


def _list() -> int:
    start_django("worker")
    from django.apps import apps  # noqa: PLC0415

    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    for lab_id in laboratory_ids():
        with laboratory(lab_id):
            say(f"{lab_id}  {apps.get_model('protection', 'Laboratory')._default_manager.get(pk=lab_id)}")
    return 0


def laboratory_ids() -> list[UUID]:
    """Every active laboratory, through the worker's door. Needs Django in the worker's role."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_laboratories()")
        return sorted(lab_id for (lab_id,) in cursor.fetchall())
