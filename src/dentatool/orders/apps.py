from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "dentatool.orders"
    verbose_name = "Aufträge"
