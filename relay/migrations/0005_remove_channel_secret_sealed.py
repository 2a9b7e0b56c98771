from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("relay", "0004_move_keys")]

    operations = [migrations.RemoveField(model_name="channel", name="secret_sealed")]
