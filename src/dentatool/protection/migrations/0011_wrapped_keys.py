"""A key that a key service wrapped is longer. Nothing in the database changes: bytea has no length."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("protection", "0010_sealed_trail")]

    operations = [
        migrations.AlterField(
            model_name="labkey",
            name="wrapped",
            field=models.BinaryField(max_length=512, verbose_name="Verpackter Schlüssel"),
        )
    ]
