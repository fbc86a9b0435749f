"""Every table and every event of the trail in one table: what it is about, how long it is kept, and its German words.

Promise: nothing is in the trail that this table does not know (tests/protection/audit/test_vocabulary.py reads the
program for every name that it records). Security events bear the names of the OWASP logging vocabulary where it has
one; docs/security-events.md says when each arises and which test provokes it.
How it could be broken: by an event whose name is put together when the program runs; the same test refuses those.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import TextChoices


class Topic(TextChoices):
    """What an entry is about: the trail page filters by it (TOM 6, sentence by sentence)."""

    SIGN_IN = "anmeldung", "Anmeldungen"
    MASTER = "stammdaten", "Stammdaten"
    ORDERS = "auftraege", "Aufträge und Rechnungen"
    RIGHTS = "rechte", "Konten und Rechte"
    ADMIN = "verwaltung", "Verwaltung und Einsicht"
    SECURITY = "sicherheit", "Sicherheitsereignisse"


class Kept(TextChoices):
    """How long an entry is kept; protection/audit/retention.py has the days."""

    SECURITY = "security", "Sicherheit"
    ACCESS = "access", "Zugriffe"
    BUSINESS = "business", "Geschäftsvorfälle"


@dataclass(frozen=True, slots=True)
class Word:
    """What is known of one name. Tables have no German here: their models have."""

    topic: Topic
    kept: Kept
    german: str = ""


def _tables(topic: Topic, kept: Kept, *names: str) -> dict[str, Word]:
    return {name: Word(topic, kept) for name in names}


def _events(topic: Topic, kept: Kept, german: Mapping[str, str]) -> dict[str, Word]:
    return {name: Word(topic, kept, words) for name, words in german.items()}


WORDS: dict[str, Word] = {
    **_tables(
        Topic.RIGHTS, Kept.BUSINESS,
        "protection_account", "protection_laboratoryrole", "protection_accesslink", "protection_apitoken",
        "protection_factor", "protection_identityprovider", "protection_identitylink", "team_accessreview",
        "team_reviewitem",
    ),
    # A session's rows hold device and network address of a person: of use for a while, then only a burden.
    **_tables(Topic.SIGN_IN, Kept.ACCESS, "protection_session", "protection_draft"),
    **_tables(
        Topic.MASTER, Kept.BUSINESS,
        "practices_practice", "practices_dentist", "practices_knownlocation", "catalogue_pricelist", "catalogue_price",
        "catalogue_article", "catalogue_servicechain", "catalogue_chainline", "team_laboratoryprofile",
        "orders_patient",
    ),
    **_tables(
        Topic.ORDERS, Kept.BUSINESS,
        "orders_order", "orders_ordertooth", "orders_position", "orders_ordercounter", "billing_invoice",
        "billing_invoiceline", "billing_numberrange", "billing_xmlexport",
    ),
    **_tables(
        Topic.ADMIN, Kept.ACCESS, "kit_job", "kit_mail", "api_keptanswer", "team_trailreading", "team_trailexport", "team_trailexportpart",
    ),
    **_events(
        Topic.SIGN_IN, Kept.SECURITY,
        {
            "authn_login_success": "Angemeldet",
            "authn_login_half": "Passwort richtig, zweiter Schritt steht aus",
            "authn_login_fail": "Anmeldung abgewiesen",
            "authn_login_lock": "Anmeldung nach zu vielen Versuchen gesperrt",
            "authn_logout": "Abgemeldet",
            "authn_confirmed": "Noch einmal ausgewiesen",
            "authn_confirm_fail": "Ausweisen abgewiesen",
            "authn_2fa_fail": "Zweiter Faktor abgewiesen",
            "authn_2fa_replay": "Verbrauchter Code noch einmal versucht",
            "authn_2fa_lock": "Zweiter Faktor nach zu vielen Versuchen gesperrt",
            "authn_reset_asked": "Neues Passwort angefordert",
            "session_moved": "Sitzung von anderem Gerät oder Netz benutzt",
            "session_parallel": "Konto gleichzeitig in zwei Netzen benutzt",
            "session_expired": "Sitzung abgelaufen",
            "session_use_after_expire": "Beendete Sitzung benutzt",
        },
    ),
    **_events(
        Topic.SECURITY, Kept.SECURITY,
        {
            "audit_chain_broken": "Versiegeltes Protokoll verändert",
            "authz_fail": "Zugriff ohne Recht abgewiesen",
            "ctx_forged": "Gefälschter Laborausweis abgewiesen",
            "ctx_expired": "Abgelaufener Laborausweis abgewiesen",
            "security.suspicious": "Auffälligkeit bemerkt",
            "decrypt_fail": "Versiegelter Wert nicht lesbar",
            "authn_token_reuse": "Verbrauchter oder ungültiger Zugang benutzt",
            "excess_rate_limit_exceeded": "Zu viele Anfragen abgewiesen",
            "input_validation_fail": "Unzulässige Eingabe abgewiesen",
            "job_refused": "Hintergrundaufgabe eines gesperrten Kontos abgewiesen",
            "malicious_csp_violation": "Fremdes Skript oder fremder Inhalt vom Browser abgewiesen",
            "malicious_csrf": "Formular von fremder Seite abgewiesen",
            "malicious_direct_reference": "Nach einem Datensatz gefragt, den es nicht gibt",
            "sequence_fail": "Schritt in falscher Reihenfolge abgewiesen",
            "ssrf_blocked": "Aufruf einer internen Adresse abgewiesen",
            "shield_restored": "Schutz der Datenbank wiederhergestellt",
        },
    ),
    **_events(
        Topic.ADMIN, Kept.ACCESS, {"trail.viewed": "Protokoll eingesehen"},
    ),
    **_events(
        Topic.RIGHTS, Kept.BUSINESS,
        {
            "access_ended": "Alle Zugänge eines Kontos beendet",
            "authn_factor_added": "Zweiten Faktor eingerichtet",
            "authn_factor_removed": "Zweiten Faktor entfernt",
            "authn_factors_reset": "Zweite Faktoren zurückgesetzt",
            "authn_password_change": "Passwort geändert",
            "authn_password_reset": "Passwort über Link neu gesetzt",
            "authn_token_created": "Zugangsschlüssel angelegt",
            "authn_token_revoked": "Zugangsschlüssel beendet",
            "privilege_permissions_changed": "Rechte geändert",
            "security.idle_changed": "Dauer bis zur Abmeldung geändert",
            "security.rule_changed": "Regel für den zweiten Faktor geändert",
            "user_archived": "Konto geschlossen",
            "user_confirmed": "Angaben zum Konto bestätigt",
            "user_created": "Konto angelegt",
            "user_reactivated": "Konto wieder geöffnet",
        },
    ),
    **_events(
        Topic.ADMIN, Kept.BUSINESS,
        {
            "trail.exported": "Protokoll ausgegeben",
            "trail.export_fetched": "Ausgabe des Protokolls heruntergeladen",
            "trail.checkpoint_fetched": "Prüfpunkt des Protokolls heruntergeladen",
            "trail.checkpoint_mailed": "Prüfpunkt des Protokolls per E-Mail verschickt",
            "trail.proof_fetched": "Nachweis aus dem Protokoll herausgegeben",
            "trail.resumed": "Protokoll nach Wiederherstellung weiter versiegelt",
            "trail.expired": "Abgelaufene Protokolleinträge gelöscht",
            "review.opened": "Zugangsprüfung des Betreibers begonnen",
            "review.decided": "Über einen Zugang zur Plattform entschieden",
            "review.closed": "Zugangsprüfung abgeschlossen",
            "review.report_fetched": "Bericht einer Zugangsprüfung heruntergeladen",
            "alert.raised": "Störung gemeldet",
            "alert.acknowledged": "Störung übernommen",
            "alert.resolved": "Störung behoben",
            "sys_admin": "Kommando auf dem Server",
            "sys_startup": "Programm gestartet",
            "sys_shutdown": "Programm beendet",
            "crypt_key_event": "Schlüssel angelegt oder ausgetauscht",
            "keys.rotated": "Alle Werte unter dem neuen Schlüssel versiegelt",
            "keys.destroyed": "Abgelösten Schlüssel gelöscht",
            "keys.rewrapped": "Schlüssel unter dem neuen Hauptschlüssel verpackt",
            "keys.shredded": "Schlüssel des Labors vernichtet",
            "backup_done": "Gesichert",
            "backup_verify_fail": "Sicherungen sind verändert oder unvollständig",
            "backup_drill": "Wiederherstellung geprobt",
            "restore_done": "Wiederhergestellt",
            "restore_refused": "Wiederherstellung abgelehnt",
        },
    ),
    **_events(
        Topic.ORDERS, Kept.ACCESS,
        {
            "invoice.xml_downloaded": "XML-Datei heruntergeladen",
            "invoice.pdf_opened": "Rechnung als PDF geöffnet",
        },
    ),
}  # fmt: skip

# The names of facts that events carry. Facts are ids, counts and words of the program, never personal data.
FACTS: dict[str, str] = {
    "account": "Konto",
    "permission": "Recht",
    "path": "Adresse",
    "where": "Stelle",
    "entries": "Einträge",
    "format": "Format",
    "version": "Fassung",
    "bytes": "Bytes",
    "count": "Anzahl",
    "what": "Was",
    "at": "Am",
    "request": "Vorgang",
    "origin": "Netzadresse",
    "kind": "Art",
    "security": "Sicherheit",
    "access": "Zugriffe",
    "business": "Geschäftsvorfälle",
    "purpose": "Zweck",
    "topic": "Art",
    "person": "Person",
    "since": "Von",
    "until": "Bis",
    "record": "Datensatz",
    "vorgang": "Vorgang",
    "blocked": "Abgewiesene Quelle",
    "directive": "Regel",
    "sha256": "Prüfsumme (SHA-256)",
    "command": "Kommando",
    "arguments": "Angaben",
    "result": "Ergebnis",
    "reason": "Grund",
    "method": "Weg",
    "limit": "Grenze",
    "header": "Kopfzeile",
    "token": "Zugangsschlüssel",
    "tokens": "Zugangsschlüssel",
    "session": "Sitzung",
    "network": "Netz",
    "name": "Name",
    "role": "Rolle",
    "old": "vorher",
    "new": "nachher",
    "before": "vorher",
    "after": "nachher",
    "user": "Benutzer am Server",
    "values": "Werte",
    "rows": "Zeilen",
    "unreadable": "Nicht lesbare Werte",
}


def names_of(topic: str) -> list[str]:
    """Everything that this topic is about."""
    return [name for name, word in WORDS.items() if word.topic == topic]
