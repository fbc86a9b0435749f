"""The kit as a Django app."""

from django.apps import AppConfig


class KitConfig(AppConfig):
    """Pages, forms, tables, formats and jobs: what slices build with."""

    name = "dentatool.kit"
    label = "kit"
    verbose_name = "Baukasten"
