"""What `dentatool keys status` says: ages and versions of all keys, for people and for programs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from dentatool.project.console import fail, say
from dentatool.project.keys import KINDS


def status(*, as_json: bool, with_usage: bool) -> int:
    """Open every key once. Exit code 1 if the root key or any key of a laboratory is unusable."""
    from dentatool.protection.key_rotation import every_laboratory  # noqa: PLC0415
    from dentatool.protection.key_status import RootKeyError, check_root_key, root_versions  # noqa: PLC0415
    from dentatool.protection.shredding import destroyed  # noqa: PLC0415

    try:
        check_root_key()
        root = [
            {"version": each.version, "made_on": each.made_on.isoformat(), "age_days": days_since(each.made_on),
             "fingerprint": each.fingerprint}
            for each in root_versions()
        ]  # fmt: skip
    except RootKeyError as error:
        return fail(f"Hauptschlüssel: {error}")
    laboratories = [
        {"lab_id": str(lab_id), "name": name, "open": active, **_facts(lab_id, with_usage=with_usage)}
        for lab_id, name, active in every_laboratory()
        if lab_id not in destroyed()
    ]
    if as_json:
        say(json.dumps({"root": root, "laboratories": laboratories}, indent=2, ensure_ascii=False))
    else:
        for each in root:
            day = f"vom {_day(each['made_on'])} ({each['age_days']} Tage)"
            say(f"Hauptschlüssel {each['version']} {day}, Fingerabdruck {each['fingerprint']}")
        for laboratory in laboratories:
            _tell(laboratory)
    unusable = [each for each in laboratories if not each["usable"]]
    if unusable:
        return fail(f"Bei {len(unusable)} Laboren ist ein Schlüssel nicht zu öffnen.")
    if not as_json:
        say("Alle Schlüssel lassen sich mit dem Hauptschlüssel öffnen.")
    return 0


def days_since(moment: datetime) -> int:
    """Whole days."""
    return (datetime.now(UTC) - moment) // timedelta(days=1)


def _day(moment: str) -> str:
    return ".".join(reversed(moment[:10].split("-")))


def _facts(lab_id: UUID, *, with_usage: bool) -> dict[str, Any]:
    from dentatool.protection.key_rotation import uses_of  # noqa: PLC0415
    from dentatool.protection.key_status import keys_of  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    with laboratory(lab_id):
        found = keys_of(lab_id)
    named = {(use.kind, use.version): use for use in uses_of(lab_id)} if with_usage else {}
    keys = []
    for key in found:
        fact: dict[str, Any] = {
            "kind": key.kind,
            "version": key.version,
            "made_on": key.made_on.isoformat(),
            "age_days": key.days,
            "retired_on": key.retired_on and key.retired_on.isoformat(),
            "opens": key.opens,
        }
        if with_usage:
            use = named.get((key.kind, key.version))
            fact |= {"stored": use.stored if use else 0, "in_trail": use.in_trail if use else 0}
        keys.append(fact)
    missing = [kind for kind in KINDS if not any(key.kind == kind for key in found)]
    return {"keys": keys, "missing": missing, "usable": not missing and all(key.opens for key in found)}


def _tell(laboratory: dict[str, Any]) -> None:
    told = [_one(key) for key in laboratory["keys"]] + [f"{KINDS[kind]} FEHLT" for kind in laboratory["missing"]]
    say(f"{laboratory['lab_id']}  {', '.join(told)}")


def _one(key: dict[str, Any]) -> str:
    told = f"{KINDS[key['kind']]} {key['version']} vom {_day(key['made_on'])} ({key['age_days']} Tage)"
    if key["retired_on"]:
        told += " nur noch lesen"
    if "stored" in key:
        told += f" [{key['stored']} Werte, {key['in_trail']} im Protokoll]"
    return told if key["opens"] else f"{told} NICHT ZU ÖFFNEN"
