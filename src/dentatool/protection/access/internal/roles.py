"""Everything that can be allowed, and which role may do it: this table is the whole truth."""

from enum import StrEnum

from django.db.models import TextChoices


class Permission(StrEnum):
    """One thing that a person may do. The name in templates is the lower-case member name."""

    OWN_ACCOUNT = "account:own"  # everybody: the own password, factors, sessions
    OVERVIEW_VIEW = "overview:view"
    PRACTICES_VIEW = "practices:view"
    PRACTICES_CHANGE = "practices:change"
    CATALOGUE_VIEW = "catalogue:view"
    CATALOGUE_CHANGE = "catalogue:change"
    PATIENTS_VIEW = "patients:view"
    PATIENTS_CHANGE = "patients:change"
    ORDERS_VIEW = "orders:view"
    ORDERS_CHANGE = "orders:change"
    ORDERS_MOVE = "orders:move"  # take the work to its next state
    ORDERS_OVERRIDE = "orders:override"  # let a wrong Auftragsnummer pass, with a reason
    BILLING_VIEW = "billing:view"
    BILLING_CHANGE = "billing:change"
    BILLING_ISSUE = "billing:issue"
    BILLING_CANCEL = "billing:cancel"
    LABORATORY_VIEW = "laboratory:view"
    LABORATORY_CHANGE = "laboratory:change"
    TRAIL_VIEW = "trail:view"
    TRAIL_EXPORT = "trail:export"
    TEAM_VIEW = "team:view"
    TEAM_CHANGE = "team:change"
    REVIEW_DECIDE = "review:decide"
    SECURITY_CHANGE = "security:change"  # the rules for signing in
    API_USE = "api:use"


# Served without signing in. Its own value, so that forgetting a permission is never "public".
PUBLIC = "public"


class Role(TextChoices):
    """The roles that every laboratory has."""

    OWNER = "owner", "Inhaberin oder Inhaber"
    OFFICE = "office", "Büro und Abrechnung"
    TECHNICIAN = "technician", "Zahntechnik"
    COURIER = "courier", "Versand und Botendienst"
    READER = "reader", "Nur lesen"
    PRACTICE = "practice", "Praxis"  # people of a customer; the database shows them their own practice's matters only


_EVERYBODY = {Permission.OWN_ACCOUNT}
_LOOK = _EVERYBODY | {
    Permission.OVERVIEW_VIEW,
    Permission.PRACTICES_VIEW,
    Permission.CATALOGUE_VIEW,
    Permission.PATIENTS_VIEW,
    Permission.ORDERS_VIEW,
}
_TECHNICIAN = _LOOK | {Permission.ORDERS_CHANGE, Permission.ORDERS_MOVE, Permission.PATIENTS_CHANGE}
_OFFICE = _TECHNICIAN | {
    Permission.PRACTICES_CHANGE,
    Permission.CATALOGUE_CHANGE,
    Permission.ORDERS_OVERRIDE,
    Permission.BILLING_VIEW,
    Permission.BILLING_CHANGE,
    Permission.BILLING_ISSUE,
    Permission.BILLING_CANCEL,
    Permission.LABORATORY_VIEW,
    Permission.TEAM_VIEW,
    Permission.API_USE,
}

PERMISSIONS_OF: dict[str, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.OFFICE: frozenset(_OFFICE),
    Role.TECHNICIAN: frozenset(_TECHNICIAN),
    # Sees where the work goes, not who the patient is.
    Role.COURIER: frozenset(
        _EVERYBODY
        | {Permission.OVERVIEW_VIEW, Permission.PRACTICES_VIEW, Permission.ORDERS_VIEW, Permission.ORDERS_MOVE}
    ),
    Role.READER: frozenset(_LOOK | {Permission.BILLING_VIEW}),
    Role.PRACTICE: frozenset(_EVERYBODY | {Permission.OVERVIEW_VIEW, Permission.ORDERS_VIEW, Permission.BILLING_VIEW}),
}


def permissions_of(role: str, own: list[str]) -> frozenset[Permission]:
    """What this role may: from the table, or from the laboratory's own role. An unknown name gives nothing."""
    if role in PERMISSIONS_OF:
        return PERMISSIONS_OF[role]
    return frozenset(permission for permission in Permission if permission in own) | _EVERYBODY


def as_sql() -> str:
    """The same table for the database, which asks it before it lets rights be given (people.sql)."""
    rows = "".join(
        f"        WHEN '{role}' THEN '{{{','.join(sorted(held))}}}'::text[]\n" for role, held in PERMISSIONS_OF.items()
    )
    return (
        "CREATE OR REPLACE FUNCTION protection.builtin_permissions(wanted text) RETURNS text[]\n"
        "LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$\n"
        f"    SELECT CASE wanted\n{rows}    END\n$$;\n"
    )
