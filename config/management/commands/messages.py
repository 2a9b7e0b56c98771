"""`manage.py messages`: bring the Chinese catalogue up to the sources and compile it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import catalogue


class Command(BaseCommand):
    help = (
        "Find the strings of templates and code, update locale/zh_Hans and compile it; lists what is left to translate."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when something is missing")

    def handle(self, *, check: bool, **options: Any) -> None:
        updated = catalogue.update()
        missing = catalogue.untranslated(updated)
        if not check:
            catalogue.save(updated)
        for message in missing:
            self.stdout.write(f"{message.locations[0][0]}: {message.id!r}")
        if check and missing:
            raise CommandError(f"{len(missing)} messages have no translation")
        self.stdout.write(f"{len(updated)} messages, {len(missing)} without translation")
