"""What protect_database would make, read from the very statements that it runs: the measure for inspection.py."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from django.db import models

from dentatool.protection.tenancy.internal import shield
from dentatool.protection.tenancy.internal.record import Record
from dentatool.protection.tenancy.internal.rules import PUBLIC_TABLES

Catalogue = dict[tuple[str, str], str]

_OWNER, _DOORS = "dentatool_owner", "dentatool_doors"
_KEYS = shield.KEYS_ROLE
# Tables of the protection itself and Django's own → what their primary key is.
_INNER_TABLES = {
    "protection.pass_secret": "only_row",
    "protection.environment": "only_row",
    "protection.retention": "what",
    "protection.access_review": "id",
    "protection.error_group": "fingerprint",
    "public.django_migrations": "id",
}
# What operations.cluster.roles makes: the roles, who is in which, and who may enter at all.
_ROLES: Catalogue = {
    ("Rolle", "dentatool_owner"): "login",
    ("Rolle", "dentatool_app"): "login",
    ("Rolle", "dentatool_worker"): "login",
    ("Rolle", "dentatool_backup"): "login",
    ("Rolle", "dentatool_practice"): "",
    ("Rolle", "dentatool_doors"): "",
    ("Rolle", "dentatool_keys"): "",
    ("Mitgliedschaft", "dentatool_worker in dentatool_app"): "",
    ("Mitgliedschaft", "dentatool_app in dentatool_practice"): "",
    ("Mitgliedschaft", "dentatool_owner in dentatool_doors"): "",
    ("Mitgliedschaft", "dentatool_owner in dentatool_keys"): "",
    ("Mitgliedschaft", "dentatool_backup in pg_read_all_data"): "",
    ("Mitgliedschaft", "dentatool_backup in pg_read_all_stats"): "",
    **{("Recht", f"Datenbank für dentatool_{role}"): "connect" for role in ("app", "worker", "backup")},
    **{
        ("Recht", f"Schema public für dentatool_{role}"): "usage"
        for role in ("app", "practice", "doors", "keys", "backup")
    },
}


def blueprint(records: Iterable[type[Record]]) -> Catalogue:
    """Everything that must be in the database, and for most kinds nothing else may be."""
    made: Catalogue = {
        **_ROLES,
        ("Schema", "public"): _OWNER,
        ("Schema", "protection"): _OWNER,
        ("Erweiterung", "plpgsql"): "",
        ("Tabelle", "public.django_migrations_id_seq"): f"S {_OWNER} ohne Zeilenschutz",
    }
    for table in (*_INNER_TABLES, *(f"public.{name}" for name in PUBLIC_TABLES)):
        guarded = table == "public.protection_laboratory"
        made["Tabelle", table] = f"r {_OWNER} {'erzwungen' if guarded else 'ohne Zeilenschutz'}"
        made["Eindeutigkeit", f"{table.split('.')[1]}_pkey an {table}"] = "über alle Labore"
        made["Schlüssel", f"{table.split('.')[1]}_pkey an {table}"] = f"primary key ({_INNER_TABLES.get(table, 'id')})"
    for model in records:
        made.update(_of_record(model))
    doors = shield._DOORS.read_text()
    ours = [
        *shield.sources(),
        *(shield.trail_of_new_rows(each) for each in records if each.audited),
    ]
    for text in ours:
        made.update(_functions(text, _OWNER))
        for statement in text.split(";"):
            made.update(_trigger(statement))
    made.update(_functions(doors, _DOORS))
    for statement in doors.split(";"):
        made.update(_policy(statement))
    resealing = shield._RESEALING.read_text()
    made.update(_functions(resealing, _KEYS))
    reseal_grants = ";".join(statement for each in records for statement in shield.grants_to_reseal(each)).replace(
        '"', ""
    )
    made.update(_rights([*ours, doors, resealing, reseal_grants]))
    return {name: plain(value) for name, value in made.items()}


def _of_record(model: type[Record]) -> Iterator[tuple[tuple[str, str], str]]:
    table = f"public.{model._meta.db_table}"
    yield ("Tabelle", table), f"r {_OWNER} erzwungen"
    yield ("Schlüssel", f"{model._meta.db_table}_pkey an {table}"), "primary key (lab_id, id)"
    yield ("Spalte", f"{table}.lab_id"), "uuid not null default protection.lab()"
    for role, grants in shield.grants_on(model).items():
        yield ("Recht", f"{table} für {role}"), ",".join(sorted(grant.lower() for grant in grants))
    for constraint in model._meta.constraints:
        yield ("Bedingung", f"{constraint.name} an {table}"), _condition(model, constraint)
    for statement in shield._statements(model):
        yield from _policy(statement)
        yield from _trigger(statement)
        yield from _foreign_key(statement)
        yield from _statistics(statement)


def _condition(model: type[Record], constraint: models.BaseConstraint) -> str:
    if not isinstance(constraint, models.UniqueConstraint):
        return "gilt"
    columns = (str(getattr(model._meta.get_field(name), "column", name)) for name in constraint.fields)
    return f"einmalig: {', '.join(columns)}"


@lru_cache(maxsize=8192)  # a watch asks each minute, and nearly always for the same
def plain(text: str) -> str:
    """The same for what a statement says and what PostgreSQL tells of it: case, quotes, brackets and gaps aside."""
    text = re.sub(r'"|\bpublic\.|\bas (\w*lab|practice|person)\b', "", text.lower())
    text = re.sub(r"\b(before|after) ((?:insert|update|delete| or )+) on\b", _events_in_order, text)
    return re.sub(r"\s*([,=])\s*", r"\1", " ".join(re.sub(r"[()]", " ", text).split()))


def _events_in_order(found: re.Match[str]) -> str:
    return f"{found[1]} {' or '.join(sorted(found[2].split(' or ')))} on"


def _policy(statement: str) -> Iterator[tuple[tuple[str, str], str]]:
    found = re.search(
        r'create policy (\w+) on "?(\w+)"?(?: for (\w+))?(?: to (\w+))?'
        r"(?:\s+using \((?P<using>.+?)\))?(?:\s+with check \((?P<check>.+)\))?\s*$",
        statement,
        re.IGNORECASE | re.DOTALL,
    )
    if found:
        name, table, command, role = found.group(1, 2, 3, 4)
        using, check = found["using"] or "-", found["check"] or "-"
        value = f"{command or 'all'} to {role or 'public'} using {using} check {check}"
        yield ("Zeilenregel", f"{name} an public.{table}"), value


def _trigger(statement: str) -> Iterator[tuple[tuple[str, str], str]]:
    if found := re.search(
        r'create trigger (\w+) .*? on (?:(\w+)\.)?"?(\w+)"?\s.*', statement, re.IGNORECASE | re.DOTALL
    ):
        yield ("Trigger", f"{found[1]} an {found[2] or 'public'}.{found[3]}"), found[0]


def _foreign_key(statement: str) -> Iterator[tuple[tuple[str, str], str]]:
    if found := re.match(r'alter table "(\w+)" add constraint "(\w+)" (foreign key .*)', statement):
        yield ("Schlüssel", f"{found[2]} an public.{found[1]}"), found[3]


def _statistics(statement: str) -> Iterator[tuple[tuple[str, str], str]]:
    if table := re.match(r'alter table "(\w+)" alter column "\w+" set statistics', statement):
        for column in re.findall(r'alter column "(\w+)" set statistics 0', statement):
            yield ("Statistik", f"public.{table[1]}.{column}"), "keine"


_FUNCTION = re.compile(
    r"CREATE OR REPLACE FUNCTION (protection\.\w+)\((.*?)\)\s*RETURNS .+?\nLANGUAGE (\w+)(.*?) AS \$\$(.*?)\$\$",
    re.DOTALL,
)


def _functions(text: str, owner: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Name, rights, settings and a checksum of the body of each function that this SQL makes."""
    for name, arguments, language, how, body in _FUNCTION.findall(text):
        definer = "definer" if "SECURITY DEFINER" in how else "invoker"
        volatility = (re.findall("STABLE|IMMUTABLE", how) or ["VOLATILE"])[0]
        settings = ",".join(f"{key}={value}" for key, value in re.findall(r"SET (\w+) = (\w+)", how))
        checksum = hashlib.sha256(body.encode()).hexdigest()[:16]
        yield ("Funktion", f"{name}({arguments})"), f"{owner} {language} {definer} {volatility} {settings} {checksum}"


def _rights(texts: Iterable[str]) -> Iterator[tuple[tuple[str, str], str]]:
    """What is left when the GRANTs and REVOKEs of our SQL have run one after the other."""
    held: dict[tuple[str, str], set[str]] = {}
    for text in (re.sub(r"--.*", "", each) for each in texts):
        for function in _FUNCTION.finditer(text):
            types = ",".join(part.split()[-1] for part in function[2].split(",") if part.strip())
            held[f"{function[1]}({types})", "alle"] = {"execute"}  # PostgreSQL's own default
        statements = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL).split(";")
        for statement in (" ".join(part.split()) for part in statements):
            if found := re.fullmatch(r"(GRANT|REVOKE) (.+?) ON (.+) (?:TO|FROM) (.+)", statement):
                _apply(held, *found.groups())
    for (thing, role), rights in held.items():
        if rights:
            yield ("Recht", f"{thing} für {role}"), ",".join(sorted(rights))


def _apply(held: dict[tuple[str, str], set[str]], word: str, rights: str, things: str, roles: str) -> None:
    for thing in _things(things):
        for role in roles.lower().replace("public", "alle").split(", "):
            for right, columns in re.findall(r"(\w+)(?: \((.*?)\))?", rights.lower()):
                for place in [f"{thing}.{column}" for column in columns.split(", ")] if columns else [thing]:
                    standing = held.setdefault((place, role), set())
                    if word == "GRANT":
                        standing.add(right)
                    elif right == "all":
                        standing.clear()
                    else:
                        standing.discard(right)


def _things(text: str) -> list[str]:
    kind, _, names = text.partition(" ")
    if kind == "SCHEMA":
        return [f"Schema {names}"]
    if kind == "FUNCTION":
        return [re.sub(r",\s*", ",", name) for name in re.findall(r"protection\.\w+\(.*?\)", names)]
    return [name if "." in name else f"public.{name}" for name in re.split(r",\s*", text)]
