"""An invoice's history in words: what was done with it, not which columns changed."""

from dentatool.billing.models import Invoice
from dentatool.kit.changes import Change, Happening, changes_in, names_of
from dentatool.protection.audit import Entry, history_of

_MOST = 60
EVENTS = {
    "invoice.xml_downloaded": "die XML-Datei heruntergeladen",
    "invoice.pdf_opened": "das PDF geöffnet",
}
# Columns that tell nothing beyond "issued": number and sums stand on the document itself.
_SHOWN = {"net_cents", "vat_cents", "gross_cents", "delivered_on"}


def happenings_of(invoice: Invoice) -> list[Happening]:
    """The newest entries about the document, newest first."""
    entries = list(history_of(invoice)[:_MOST])
    people = names_of({entry.actor_id for entry in entries if entry.actor_id})
    return [
        Happening(
            entry.at,
            people.get(entry.actor_id, "System" if entry.actor_id is None else "gelöschtes Konto"),
            _deed(invoice, entry),
            _changes(invoice, entry),
        )
        for entry in entries
    ]


def _deed(invoice: Invoice, entry: Entry) -> str:
    if entry.kind == "event":
        return EVENTS.get(entry.what, entry.what)
    if entry.action == "insert":
        return "den Beleg angelegt" if invoice.is_cancellation else "den Entwurf angelegt"
    if "issued_at" in entry.changes:
        return "den Beleg ausgestellt"
    return "die Zeilen geändert"


def _changes(invoice: Invoice, entry: Entry) -> list[Change]:
    if entry.action != "update" or "issued_at" in entry.changes:
        return []
    kept = {str(invoice._meta.get_field(name).verbose_name) for name in _SHOWN}
    return [change for change in changes_in(invoice, entry) if change.label in kept]
