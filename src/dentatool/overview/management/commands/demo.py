"""`dentatool manage demo`: load the demo laboratories once and say who may sign in."""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dentatool.overview.demo import create_demo


class Command(BaseCommand):
    help = "Lädt die Vorführlabore Anna und Bert und zeigt die Anmeldungen."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if settings.DENTATOOL_MODE == "production":
            raise CommandError("Im Produktivbetrieb gibt es keine Vorführdaten.")
        file = Path(settings.DENTATOOL_VAR) / "secrets" / "demo-sign-ins.json"
        if not file.exists():
            sign_ins = [
                {"labor": one.laboratory, "rolle": one.role, "name": one.name, "passwort": one.password}
                for one in create_demo()
            ]
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
                json.dump(sign_ins, target, ensure_ascii=False, indent=2)
        for entry in json.loads(file.read_text()):
            self.stdout.write(f"  {entry['labor']:<30} {entry['rolle']:<26} {entry['name']:<26} {entry['passwort']}")
