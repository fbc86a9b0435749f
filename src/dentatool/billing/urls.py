"""Addresses of invoices."""

from django.urls import path

from dentatool.billing import cancel_page, draft_page, views

urlpatterns = [
    path("rechnungen/", views.invoice_list, name="invoice_list"),
    path("rechnungen/<uuid:pk>/", views.invoice, name="invoice"),
    path("rechnungen/<uuid:pk>/pdf/", views.pdf, name="invoice_pdf"),
    path("rechnungen/<uuid:pk>/xml/", views.xml, name="invoice_xml"),
    path("rechnungen/<uuid:pk>/zeilen/", draft_page.lines, name="invoice_lines"),
    path("rechnungen/<uuid:pk>/nachlass/", draft_page.discount, name="invoice_discount"),
    path("rechnungen/<uuid:pk>/neu-aus-auftrag/", draft_page.renewal, name="invoice_renewal"),
    path("rechnungen/<uuid:pk>/verworfen/", draft_page.disposal, name="invoice_disposal"),
    path("rechnungen/<uuid:pk>/ausstellung/", draft_page.issue, name="invoice_issue"),
    path("rechnungen/<uuid:pk>/storno/", cancel_page.cancellation, name="invoice_cancellation"),
    path("auftraege/<uuid:pk>/rechnung/", views.invoice_of_order, name="order_invoice"),
]
