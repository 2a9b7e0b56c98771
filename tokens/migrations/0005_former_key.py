from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tokens", "0004_words"),
    ]

    operations = [
        migrations.AddField(
            model_name="token",
            name="former_hash",
            field=models.BinaryField(max_length=32, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="token",
            name="former_until",
            field=models.DateTimeField(editable=False, null=True, verbose_name="key before works until"),
        ),
    ]
