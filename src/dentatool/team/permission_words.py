"""Permissions as people say them, grouped as a laboratory thinks of its work."""

from dentatool.protection.access import Permission

GROUPS: tuple[tuple[str, tuple[tuple[Permission, str], ...]], ...] = (
    (
        "Aufträge und Patienten",
        (
            (Permission.OVERVIEW_VIEW, "Übersicht ansehen"),
            (Permission.ORDERS_VIEW, "Aufträge ansehen"),
            (Permission.ORDERS_CHANGE, "Aufträge anlegen und ändern"),
            (Permission.ORDERS_MOVE, "Aufträge weiterschalten"),
            (Permission.ORDERS_OVERRIDE, "Falsche Auftragsnummer mit Begründung freigeben"),
            (Permission.PATIENTS_VIEW, "Patienten mit Namen ansehen"),
            (Permission.PATIENTS_CHANGE, "Patienten anlegen und ändern"),
        ),
    ),
    (
        "Praxen und Preise",
        (
            (Permission.PRACTICES_VIEW, "Praxen ansehen"),
            (Permission.PRACTICES_CHANGE, "Praxen anlegen und ändern"),
            (Permission.CATALOGUE_VIEW, "Preise und Leistungen ansehen"),
            (Permission.CATALOGUE_CHANGE, "Preise und Leistungen ändern"),
        ),
    ),
    (
        "Rechnungen",
        (
            (Permission.BILLING_VIEW, "Rechnungen ansehen"),
            (Permission.BILLING_CHANGE, "Rechnungen entwerfen"),
            (Permission.BILLING_ISSUE, "Rechnungen ausstellen"),
            (Permission.BILLING_CANCEL, "Rechnungen stornieren"),
        ),
    ),
    (
        "Labor und Team",
        (
            (Permission.LABORATORY_VIEW, "Angaben des Labors ansehen"),
            (Permission.LABORATORY_CHANGE, "Angaben des Labors ändern"),
            (Permission.TEAM_VIEW, "Team und Rollen ansehen"),
            (Permission.TEAM_CHANGE, "Personen einladen, Rollen geben und ändern"),
            (Permission.SECURITY_CHANGE, "Regeln für die Anmeldung ändern"),
            (Permission.REVIEW_DECIDE, "Rechte überprüfen und entziehen"),
            (Permission.TRAIL_VIEW, "Protokoll ansehen"),
            (Permission.TRAIL_EXPORT, "Protokoll ausgeben"),
        ),
    ),
    (
        "Eigener Zugang",
        (
            (Permission.OWN_ACCOUNT, "Eigenes Konto verwalten"),
            (Permission.API_USE, "Programme mit eigenem Zugangsschlüssel arbeiten lassen"),
        ),
    ),
)
WORDS = {permission: words for _group, rows in GROUPS for permission, words in rows}
