"""The protection app: refuses to start a program that would break a promise."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ProtectionConfig(AppConfig):
    name = "dentatool.protection"
    label = "protection"
    verbose_name = "Schutz"

    def ready(self) -> None:
        from dentatool.protection.access.internal.roles import as_sql  # noqa: PLC0415  (models are loaded now)
        from dentatool.protection.tenancy.internal.rules import check_models  # noqa: PLC0415
        from dentatool.protection.tenancy.internal.shield import also_run  # noqa: PLC0415

        also_run(as_sql())
        check_models()
        post_migrate.connect(_protect, sender=self)


def _protect(**_facts: object) -> None:
    """After every migrate, whoever calls it: no table stays bare, and nothing stands beside the protection."""
    from django.db import connection  # noqa: PLC0415  (models are loaded now)

    from dentatool.protection.audit.retention import store_retention  # noqa: PLC0415
    from dentatool.protection.tenancy import protect_database, require_sound_database  # noqa: PLC0415

    protect_database()
    store_retention()
    with connection.cursor() as cursor:
        require_sound_database(cursor)
