from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("team", "0003_access_review"),
    ]

    operations = [
        migrations.AlterField(
            model_name="trailexport",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "wird vorbereitet"),
                    ("ready", "bereit"),
                    ("refused", "abgewiesen"),
                    ("too_large", "zu groß"),
                    ("broken_off", "abgebrochen"),
                ],
                default="waiting",
                max_length=10,
                verbose_name="Stand",
            ),
        ),
    ]
