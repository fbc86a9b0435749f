"""The list of patients in its usual order, without sorting the laboratory's twenty thousand for each page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(fields=["lab_id", "pseudonym", "id"], name="patient_by_number"),
        ),
    ]
