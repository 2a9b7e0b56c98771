"""Roll-ups that tell drawings and tasks from text, and each hour's sums over all accounts. They are derived: the next
runs of the roll-up write every hour again."""

from django.db import migrations, models

ROLLED = ("requests", "succeeded", "input_tokens", "cached_tokens", "output_tokens", "charge")
SUMMED = (
    "input", "cache_read", "cache_write", "cache_write_1h", "audio_input", "image_input",
    "output", "reasoning", "audio_output",
)  # fmt: skip


def begin_anew(apps, schema_editor):
    for name in ("UsageRollup", "RollupMark"):
        apps.get_model("billing", name).objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_prompt_rule")]
    operations = [
        migrations.RunPython(begin_anew, begin_anew),
        migrations.CreateModel(
            name="UsageHour",
            fields=[
                ("hour", models.DateTimeField(primary_key=True, serialize=False)),
                ("charge", models.BigIntegerField()),
                ("cost", models.BigIntegerField()),
                ("costed_charge", models.BigIntegerField()),
            ],
        ),
        migrations.RemoveIndex(model_name="usagerollup", name="rollup_of_user"),
        migrations.AddField(
            model_name="usagerollup", name="listed_as", field=models.CharField(default="", max_length=40)
        ),
        migrations.AddIndex(
            model_name="usagerollup",
            index=models.Index(
                fields=["user", "hour"],
                include=["token", "model", "group", "listed_as", *ROLLED, *(f"streamed_{name}" for name in ROLLED)],
                name="rollup_of_user",
            ),
        ),
        migrations.AddIndex(
            model_name="usagerollup", index=models.Index(fields=["model", "hour"], name="rollup_of_model")
        ),
        migrations.RemoveIndex(model_name="usagerecord", name="usage_unsuccessful_sums"),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(
                fields=[
                    "user", "status", "-id", "created_at", "token", "model", "group", "is_stream", "endpoint", "charge",
                    *(f"{kind}_tokens" for kind in SUMMED),
                ],
                condition=models.Q(status__in=("failed", "abandoned")),
                name="usage_unsuccessful_sums",
            ),
        ),
    ]  # fmt: skip
