"""The index of unsuccessful requests holds all that pages sum of them."""

from django.db import migrations, models

SUMMED = (
    "input", "cache_read", "cache_write", "cache_write_1h", "audio_input", "image_input",
    "output", "reasoning", "audio_output",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_wider_rollups")]
    operations = [
        migrations.RemoveIndex(model_name="usagerecord", name="usage_unsuccessful"),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(
                fields=[
                    "user", "status", "-id", "created_at", "token", "model", "group", "is_stream", "charge",
                    *(f"{kind}_tokens" for kind in SUMMED),
                ],
                condition=models.Q(status__in=("failed", "abandoned")),
                name="usage_unsuccessful_sums",
            ),
        ),
    ]  # fmt: skip
