"""Ledger entries and settled usage records refuse to change, whoever asks: the model, the admin or plain SQL."""

from django.db import migrations

POSTGRES = """
CREATE FUNCTION billing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a new row instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON billing_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change();
CREATE TRIGGER usage_record_append_only BEFORE UPDATE OR DELETE ON billing_usagerecord
    FOR EACH ROW WHEN (OLD.status <> 'open') EXECUTE FUNCTION billing_refuse_change();
"""

POSTGRES_BACK = """
DROP TRIGGER ledger_entry_append_only ON billing_ledgerentry;
DROP TRIGGER usage_record_append_only ON billing_usagerecord;
DROP FUNCTION billing_refuse_change();
"""

# SQLite: one trigger for each table and verb.
SQLITE = {
    "ledger_entry_no_update": "UPDATE ON billing_ledgerentry",
    "ledger_entry_no_delete": "DELETE ON billing_ledgerentry",
    "usage_record_no_update": "UPDATE ON billing_usagerecord WHEN OLD.status <> 'open'",
    "usage_record_no_delete": "DELETE ON billing_usagerecord WHEN OLD.status <> 'open'",
}


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRES, params=None)
        return
    for name, event in SQLITE.items():
        schema_editor.execute(f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, 'append-only'); END")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRES_BACK, params=None)
        return
    for name in SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
