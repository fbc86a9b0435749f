"""Addresses of invoices."""
urlpatterns: list = []
