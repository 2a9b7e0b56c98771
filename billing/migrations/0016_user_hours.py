"""Sums of an account's hours by fewer keys, filled from the roll-ups that are there."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


SUMS = ("requests", "succeeded", "input_tokens", "cached_tokens", "output_tokens", "charge")
TABLES = {"userhour": (), "usermodelhour": ("model",), "usertokenhour": ("token_id",)}


def filled(table, keys):
    by = ", ".join(("hour", "user_id", *keys))
    sums = ", ".join(f"SUM({name})" for name in SUMS)
    select = f"SELECT {by}, {sums} FROM billing_usagerollup GROUP BY {by}"  # noqa: S608
    return f"INSERT INTO billing_{table} ({by}, {', '.join(SUMS)}) {select}"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0015_words"),
        ("tokens", "0005_former_key"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="usagerollup",
            name="token",
            field=models.ForeignKey(
                db_constraint=False,
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
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.CreateModel(
            name="UserHour",
            fields=[
                ("hour", models.DateTimeField(verbose_name="hour")),
                ("requests", models.BigIntegerField(verbose_name="requests")),
                ("succeeded", models.BigIntegerField(verbose_name="succeeded")),
                ("input_tokens", models.BigIntegerField(verbose_name="input tokens")),
                ("cached_tokens", models.BigIntegerField(verbose_name="cached input tokens")),
                ("output_tokens", models.BigIntegerField(verbose_name="output tokens")),
                ("charge", models.BigIntegerField(verbose_name="charge")),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hour", "user", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user", "hour"],
                        include=("requests", "succeeded", "input_tokens", "cached_tokens", "output_tokens", "charge"),
                        name="hour_of_user",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UserModelHour",
            fields=[
                ("hour", models.DateTimeField(verbose_name="hour")),
                ("requests", models.BigIntegerField(verbose_name="requests")),
                ("succeeded", models.BigIntegerField(verbose_name="succeeded")),
                ("input_tokens", models.BigIntegerField(verbose_name="input tokens")),
                ("cached_tokens", models.BigIntegerField(verbose_name="cached input tokens")),
                ("output_tokens", models.BigIntegerField(verbose_name="output tokens")),
                ("charge", models.BigIntegerField(verbose_name="charge")),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hour", "user", "model", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("model", models.CharField(max_length=120)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user", "hour"],
                        include=(
                            "model",
                            "requests",
                            "succeeded",
                            "input_tokens",
                            "cached_tokens",
                            "output_tokens",
                            "charge",
                        ),
                        name="model_hour_of_user",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UserTokenHour",
            fields=[
                ("hour", models.DateTimeField(verbose_name="hour")),
                ("requests", models.BigIntegerField(verbose_name="requests")),
                ("succeeded", models.BigIntegerField(verbose_name="succeeded")),
                ("input_tokens", models.BigIntegerField(verbose_name="input tokens")),
                ("cached_tokens", models.BigIntegerField(verbose_name="cached input tokens")),
                ("output_tokens", models.BigIntegerField(verbose_name="output tokens")),
                ("charge", models.BigIntegerField(verbose_name="charge")),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hour", "user", "token", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tokens.token",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user", "hour"],
                        include=(
                            "token",
                            "requests",
                            "succeeded",
                            "input_tokens",
                            "cached_tokens",
                            "output_tokens",
                            "charge",
                        ),
                        name="token_hour_of_user",
                    )
                ],
            },
        ),
        *(migrations.RunSQL(filled(table, keys), migrations.RunSQL.noop) for table, keys in TABLES.items()),
    ]
