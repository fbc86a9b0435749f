"""Opens some sealed values of every laboratory with this installation's keys: whether a restored database can be read.

Needs Django in the worker's role, connected to the database in question.
"""

from django.apps import apps

from dentatool.kit.jobs import all_laboratories
from dentatool.protection.tenancy import Record, laboratory
from dentatool.protection.vault import SealedDate, SealedFile, SealedText

_OF_EACH = 3


def open_samples() -> tuple[int, int, list[str]]:
    """Laboratories looked at, values opened, and what could not be (table and column, never a value)."""
    laboratories = all_laboratories()
    opened, wrong = 0, list[str]()
    fields = [
        (model, each)
        for model in apps.get_models()
        if issubclass(model, Record)
        for each in model._meta.concrete_fields
        if isinstance(each, (SealedText, SealedDate, SealedFile))
    ]
    for lab_id in laboratories:
        with laboratory(lab_id):
            for model, each in fields:
                rows = model._default_manager.order_by("-id").values_list("id", each.name)[:_OF_EACH]
                for row_id, sealed in rows:
                    if not sealed:
                        continue
                    try:
                        each.open(sealed, row_id)
                        opened += 1
                    except Exception as error:  # whatever it is, it cannot be read
                        wrong.append(f"{model._meta.db_table}.{each.name} nicht zu öffnen ({type(error).__name__})")
    return len(laboratories), opened, sorted(set(wrong))
