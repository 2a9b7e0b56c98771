"""The history of an order refuses to change, whoever asks."""

from django.db import migrations

POSTGRES = """
CREATE TRIGGER order_event_append_only BEFORE UPDATE OR DELETE ON orders_orderevent
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change();
"""
SQLITE = {
    "order_event_no_update": "UPDATE ON orders_orderevent",
    "order_event_no_delete": "DELETE ON orders_orderevent",
}


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRES, params=None)
        return
    for name, event in SQLITE.items():
        schema_editor.execute(f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, 'append-only'); END")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER order_event_append_only ON orders_orderevent", params=None)
        return
    for name in SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_selling"), ("billing", "0008_debt")]
    operations = [migrations.RunPython(create, drop)]
