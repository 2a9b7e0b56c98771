from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """An app so that commands and template tags of the whole product have a home."""

    name = "config"
