"""The open orders of a laboratory in the order in which they are due: what the worklist asks for all day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_patient_by_number")]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "angehalten",
                            "ausser_haus",
                            "eingegangen",
                            "endkontrolle",
                            "entwurf",
                            "fertig",
                            "in_arbeit",
                            "in_planung",
                            "rueckfrage",
                        ],
                    )
                ),
                fields=["lab_id", "due_on", "id"],
                name="order_open_by_due",
            ),
        ),
    ]
