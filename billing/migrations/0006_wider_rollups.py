"""Roll-ups that answer for streams and for a key's caps, and indexes that hold all that pages sum.

Roll-ups are derived: those of the older shape go, and the next runs of the roll-up write every hour again.
"""

from django.db import migrations, models

SUMS = ("requests", "succeeded", "input_tokens", "cached_tokens", "output_tokens", "charge")
STREAMED_SUMS = tuple(f"streamed_{name}" for name in SUMS)


def begin_anew(apps, schema_editor):
    apps.get_model("billing", "UsageRollup").objects.all().delete()
    apps.get_model("billing", "RollupMark").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_revoked")]
    operations = [
        migrations.RunPython(begin_anew, begin_anew),
        migrations.RemoveIndex(model_name="usagerollup", name="rollup_by_user"),
        migrations.AddField(model_name="usagerollup", name="counted_on", field=models.DateField(null=True)),
        *(
            migrations.AddField(model_name="usagerollup", name=name, field=models.BigIntegerField(default=0))
            for name in STREAMED_SUMS
        ),
        migrations.AddIndex(
            model_name="usagerollup",
            index=models.Index(
                fields=["user", "hour", "token", "model", "group", *SUMS, *STREAMED_SUMS], name="rollup_of_user"
            ),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(
                fields=["user", "status", "-id"],
                condition=models.Q(status__in=("failed", "abandoned")),
                name="usage_unsuccessful",
            ),
        ),
    ]
