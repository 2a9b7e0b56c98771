"""Roll-ups that know what the upstreams took. They are derived: the next runs of the roll-up write every hour again."""

from django.db import migrations, models


def begin_anew(apps, schema_editor):
    apps.get_model("billing", "UsageRollup").objects.all().delete()
    apps.get_model("billing", "RollupMark").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_log_indexes")]
    operations = [
        migrations.RunPython(begin_anew, begin_anew),
        migrations.AddField(model_name="usagerollup", name="cost", field=models.BigIntegerField(default=0)),
        migrations.AddField(model_name="usagerollup", name="costed_charge", field=models.BigIntegerField(default=0)),
    ]
