from django.db import migrations

from accounts.second_factors import open_seed, sealed_seed


def seal_all(apps, schema_editor):
    _rewrite(apps, sealed_seed)


def open_all(apps, schema_editor):
    _rewrite(apps, open_seed)


def _rewrite(apps, change):
    """Seeds are sealed once, however often this is run: what is sealed is opened first."""
    rows = apps.get_model("mfa", "Authenticator").objects.filter(type__in=["totp", "recovery_codes"])
    for row in rows.iterator():
        for name in ("secret", "seed"):
            if name in row.data:
                row.data[name] = change(open_seed(row.data[name]))
        if "migrated_codes" in row.data:
            row.data["migrated_codes"] = [change(open_seed(code)) for code in row.data["migrated_codes"]]
        row.save(update_fields=["data"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_closing"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunPython(seal_all, open_all)]
