"""The Drawing log and the Task log find their few requests among many."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_wallet_page")]
    operations = [
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(
                fields=["user", "-id"],
                condition=models.Q(endpoint__in=("images",)),
                name="usage_drawings",
            ),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(
                fields=["user", "-id"],
                condition=models.Q(
                    endpoint__in=("audio.speech", "audio.transcriptions", "embeddings", "moderations", "rerank")
                ),
                name="usage_tasks",
            ),
        ),
    ]
