from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("team", "0005_sealed_export"),
    ]

    operations = [
        migrations.AddField(
            model_name="laboratoryprofile",
            name="checkpoint_mail",
            field=models.BooleanField(db_default=True, default=True, verbose_name="Prüfpunkt jede Woche per E-Mail"),
        ),
    ]
