import config.kernel.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0014_notify_host"),
        ("tokens", "0004_words"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="usagerollup",
            options={"verbose_name": "usage of an hour", "verbose_name_plural": "usage by hour"},
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="actor",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ledger_actions",
                to=settings.AUTH_USER_MODEL,
                verbose_name="by",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="wallet",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="billing.wallet",
                verbose_name="wallet",
            ),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="attempts",
            field=models.JSONField(default=list, verbose_name="attempts"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="audio_input_tokens",
            field=models.BigIntegerField(null=True, verbose_name="audio input tokens"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="audio_output_tokens",
            field=models.BigIntegerField(null=True, verbose_name="audio output tokens"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="cache_read_tokens",
            field=models.BigIntegerField(null=True, verbose_name="cached input tokens"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="cache_write_1h_tokens",
            field=models.BigIntegerField(null=True, verbose_name="cache write tokens, one hour"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="cache_write_tokens",
            field=models.BigIntegerField(null=True, verbose_name="cache write tokens"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="channel_name",
            field=models.CharField(blank=True, max_length=80, verbose_name="channel"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="created_at",
            field=models.DateTimeField(verbose_name="time"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="end_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("completed", "Answer complete"),
                    ("client_gone", "The caller left"),
                    ("upstream_error", "Upstream error"),
                    ("upstream_timeout", "Upstream time-out"),
                    ("truncated", "Upstream ended early"),
                    ("rejected", "Refused by the upstream"),
                    ("revoked", "Key revoked"),
                    ("shutdown", "Server restarted"),
                    ("crashed", "Server crashed"),
                    ("internal_error", "Internal error"),
                ],
                max_length=20,
                verbose_name="end",
            ),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="endpoint",
            field=models.CharField(max_length=40, verbose_name="endpoint"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="error_code",
            field=models.CharField(blank=True, max_length=60, verbose_name="error code"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="first_byte_ms",
            field=models.PositiveIntegerField(null=True, verbose_name="first byte, ms"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="group",
            field=models.CharField(max_length=40, verbose_name="group"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="http_status",
            field=models.PositiveSmallIntegerField(null=True, verbose_name="HTTP status"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="id",
            field=models.UUIDField(
                default=config.kernel.ids.uuid7,
                editable=False,
                primary_key=True,
                serialize=False,
                verbose_name="request id",
            ),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="image_input_tokens",
            field=models.BigIntegerField(null=True, verbose_name="image input tokens"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="input_tokens",
            field=models.BigIntegerField(null=True, verbose_name="input tokens"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="is_stream",
            field=models.BooleanField(verbose_name="streamed"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="is_suspect",
            field=models.BooleanField(default=False, verbose_name="suspect"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="lease_until",
            field=models.DateTimeField(verbose_name="lease until"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="model",
            field=models.CharField(max_length=120, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="output_tokens",
            field=models.BigIntegerField(null=True, verbose_name="output tokens"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="reasoning_tokens",
            field=models.BigIntegerField(null=True, verbose_name="reasoning tokens"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="rule",
            field=models.CharField(
                blank=True,
                choices=[
                    ("reported", "Charged by the upstream's token counts"),
                    ("delivered", "Charged for the text delivered, counted here"),
                    ("prompt", "Charged for the prompt: the key's calls were left too often before an answer"),
                    ("nothing", "Nothing delivered, nothing charged"),
                ],
                max_length=12,
                verbose_name="billing rule",
            ),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="settled_at",
            field=models.DateTimeField(null=True, verbose_name="settled"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="status",
            field=models.CharField(
                choices=[
                    ("open", "Running"),
                    ("settled", "Completed"),
                    ("failed", "Failed"),
                    ("abandoned", "Interrupted"),
                ],
                default="open",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="token",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tokens.token",
                verbose_name="token",
            ),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="token_name",
            field=models.CharField(max_length=80, verbose_name="token"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="total_ms",
            field=models.PositiveIntegerField(null=True, verbose_name="total, ms"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="cached_tokens",
            field=models.BigIntegerField(verbose_name="cached input tokens"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="channel_id",
            field=models.BigIntegerField(null=True, verbose_name="channel"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="charge",
            field=models.BigIntegerField(verbose_name="charge"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="cost",
            field=models.BigIntegerField(default=0, verbose_name="cost"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="costed_charge",
            field=models.BigIntegerField(default=0, verbose_name="charge with a known cost"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="counted_on",
            field=models.DateField(null=True, verbose_name="day of its token"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="group",
            field=models.CharField(max_length=40, verbose_name="group"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="hour",
            field=models.DateTimeField(verbose_name="hour"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="input_tokens",
            field=models.BigIntegerField(verbose_name="input tokens"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="listed_as",
            field=models.CharField(default="", max_length=40, verbose_name="listed as"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="model",
            field=models.CharField(max_length=120, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="output_tokens",
            field=models.BigIntegerField(verbose_name="output tokens"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="requests",
            field=models.BigIntegerField(verbose_name="requests"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="streamed_cached_tokens",
            field=models.BigIntegerField(default=0, verbose_name="cached input tokens, streamed"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="streamed_charge",
            field=models.BigIntegerField(default=0, verbose_name="charge, streamed"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="streamed_input_tokens",
            field=models.BigIntegerField(default=0, verbose_name="input tokens, streamed"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="streamed_output_tokens",
            field=models.BigIntegerField(default=0, verbose_name="output tokens, streamed"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="streamed_requests",
            field=models.BigIntegerField(default=0, verbose_name="requests, streamed"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="streamed_succeeded",
            field=models.BigIntegerField(default=0, verbose_name="succeeded, streamed"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="succeeded",
            field=models.BigIntegerField(verbose_name="succeeded"),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="token",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tokens.token",
                verbose_name="token",
            ),
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="user",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="wallet",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
    ]
