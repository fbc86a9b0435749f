from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("protection", "0008_sessions_and_drafts"),
    ]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="reminded_at",
            field=models.DateTimeField(null=True, verbose_name="An das Ende erinnert"),
        ),
    ]
