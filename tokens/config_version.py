"""The version counters of the configuration: processes watch them and reload a snapshot when its counter has moved."""

from django.db.models import F

from tokens.models import ConfigVersion


def bump(name: str) -> None:
    """Count one change. Call it in the transaction of the change, else the new number may be read with old rows."""
    if _increment(name):
        return
    # Two processes may both find no row. The slower insert is ignored, and its change counted by the second UPDATE.
    ConfigVersion.objects.bulk_create([ConfigVersion(name=name, version=0)], ignore_conflicts=True)
    _increment(name)


def _increment(name: str) -> int:
    return ConfigVersion.objects.filter(name=name).update(version=F("version") + 1)


def current_versions() -> dict[str, int]:
    """Every counter that was ever bumped, by name."""
    return dict(ConfigVersion.objects.values_list("name", "version"))
