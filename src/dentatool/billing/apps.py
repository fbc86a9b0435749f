"""The app of invoices."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "dentatool.billing"
    verbose_name = "Rechnungen"

    def ready(self) -> None:
        """Show the invoices on the order's page: orders knows no billing, so billing puts itself there."""
        from dentatool.billing.panel import show_on_orders  # noqa: PLC0415  (models are loaded only now)

        show_on_orders()
