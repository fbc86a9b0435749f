"""Who has administrative access to this installation: accounts of the operating system, login roles of the database.

The program's own roles are nobody's access by themselves: their passwords lie in var/secrets, so whoever can read that
folder is named instead.
Not seen: rules of sudo for single accounts, keys for SSH, who administers the machine below this one (host of a container,
provider of a cloud), and behind which shared account which person sits.
Test: tests/operations/test_admin_review.py.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from dentatool.operations.cluster.server import SUPERUSER

_BECOMING_ROOT = ("sudo", "wheel", "admin")
_FIRST_PERSON, _NOBODY = 1_000, 65_534

_LOGINS = """
select r.rolname, array_remove(array[case when r.rolsuper then 'Superuser' end, case when r.rolbypassrls then 'umgeht den Zeilenschutz' end,
           case when r.rolcreaterole then 'legt Rollen an' end, case when r.rolcreatedb then 'legt Datenbanken an' end,
           case when r.rolreplication then 'liest alles mit (Replikation)' end,
           case when has_database_privilege(r.oid, current_database(), 'CONNECT') then 'darf in die Datenbank' end], null)
       || array(select 'Mitglied von ' || g.rolname from pg_roles g
                where g.oid <> r.oid and not r.rolsuper and pg_has_role(r.oid, g.oid, 'MEMBER')
                  and (g.rolname ~ '^(pg|dentatool)_' or g.rolsuper or g.rolbypassrls or g.rolcreaterole or g.rolreplication)
                order by g.rolname)
from pg_roles r where r.rolcanlogin and not r.rolname = any(%s) order by r.rolname
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One way in. `entry` is `os:name` or `db:name`; a shared one belongs to no person whom we know."""

    entry: str
    powers: tuple[str, ...]
    shared: bool

    @property
    def name(self) -> str:
        """The account or role without its kind."""
        return self.entry.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Caller:
    """The account at the terminal."""

    name: str
    shared: bool


def accesses_of(
    owner: psycopg.Connection,
    database: dict[str, Any],
    var: Path,
    *,
    users: Iterable[pwd.struct_passwd] | None = None,
    groups: Iterable[grp.struct_group] | None = None,
) -> list[Access]:
    """Every administrative access as it stands now. `database` is the content of database.json."""
    own = [login["user"] for login in database["roles"].values()]
    if is_embedded(database):
        own.append(SUPERUSER)  # its password lies in var/secrets as well
    found = list(_of_system(var, list(users or pwd.getpwall()), list(groups or grp.getgrall())))
    for role, powers in owner.execute(_LOGINS, [own]).fetchall():
        if powers:  # a role of another program on the same server, without a way in here, is not ours to judge
            found.append(Access(f"db:{role}", tuple(powers), shared=True))
    return found


def is_embedded(database: dict[str, Any]) -> bool:
    """Whether the database server is the installation's own."""
    return bool(database.get("server", "embedded") == "embedded")


def caller() -> Caller:
    """Who types: as the kernel noted at sign-in; else who called sudo; else the account itself.

    SUDO_USER counts for root alone: any other account could write it, root can do as it likes anyway.
    """
    uid, noted = os.getuid(), Path("/proc/self/loginuid")
    if noted.exists() and (at_sign_in := int(noted.read_text())) != 2**32 - 1:
        uid = at_sign_in
    elif uid == 0 and (called := os.environ.get("SUDO_USER")):
        return Caller(called, shared=_is_shared(pwd.getpwnam(called).pw_uid))
    return Caller(_name_of(uid, pwd.getpwall()), shared=_is_shared(uid))


def _of_system(var: Path, users: list[pwd.struct_passwd], groups: list[grp.struct_group]) -> Iterator[Access]:
    powers: dict[int, list[str]] = {user.pw_uid: ["ist root"] for user in users if user.pw_uid == 0}
    names = {user.pw_name: user for user in users}

    def note_members(group: grp.struct_group, power: str) -> None:
        for user in users:
            if user.pw_gid == group.gr_gid or user.pw_name in group.gr_mem:
                powers.setdefault(user.pw_uid, []).append(power)

    root_key = Path(os.environ.get("DENTATOOL_ROOT_KEY_FILE") or var / "keys" / "root.key")
    for place, what in ((var / "secrets", "Passwörter und Schlüssel"), (root_key, "den Hauptschlüssel")):
        if not place.exists():  # the doctor names what is missing; who could read it cannot be told
            continue
        found = place.stat()
        powers.setdefault(found.st_uid, []).append(f"besitzt {what}")
        if found.st_mode & stat.S_IRGRP:
            for group in groups:
                if group.gr_gid == found.st_gid:
                    note_members(group, f"liest {what} (Gruppe {group.gr_name})")
    for group in groups:
        if group.gr_name in _BECOMING_ROOT:
            note_members(group, f"wird root (Gruppe {group.gr_name})")
    for uid, held in sorted(powers.items()):
        # Two names of one number, such as a second root, are two ways in.
        for name in [each for each in names if names[each].pw_uid == uid] or [str(uid)]:
            yield Access(f"os:{name}", tuple(held), shared=_is_shared(uid))


def _is_shared(uid: int) -> bool:
    """Numbers below 1000 are the system's own: root, services."""
    return uid < _FIRST_PERSON or uid == _NOBODY


def _name_of(uid: int, users: Iterable[pwd.struct_passwd]) -> str:
    return next((user.pw_name for user in users if user.pw_uid == uid), str(uid))
