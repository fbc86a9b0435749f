"""What can be done with invoices. Other slices and the pages import from here."""

from dentatool.billing.cancelling import Cancelled, cancel_invoice
from dentatool.billing.checking import findings_of
from dentatool.billing.drafting import (
    AlreadyIssued,
    change_lines,
    discard_draft,
    discount_private,
    draft_invoice,
    renew_draft,
)
from dentatool.billing.issuing import issue_invoice
from dentatool.billing.paper.pdf import pdf_of
from dentatool.billing.xml_file import hand_out, xml_of

__all__ = [
    "AlreadyIssued",
    "Cancelled",
    "cancel_invoice",
    "change_lines",
    "discard_draft",
    "discount_private",
    "draft_invoice",
    "findings_of",
    "hand_out",
    "issue_invoice",
    "pdf_of",
    "renew_draft",
    "xml_of",
]
