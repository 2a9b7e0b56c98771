from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0013_listed_as")]

    operations = [
        migrations.AddField(
            model_name="wallet",
            name="notify_host",
            field=models.CharField(db_default="", default="", editable=False, max_length=253),
        ),
    ]
