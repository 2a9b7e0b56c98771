"""`manage.py load_prices`: give the models of the price catalogue a price, where they have none."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.catalogue import Listed, load_catalogue
from config.kernel.money import format_usd


class Command(BaseCommand):
    help = "Load public list prices for models without a price. Check before selling: providers change them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", nargs="+", metavar="MODEL", default=[], help="these models alone")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done and do nothing")

    def handle(self, *, only: list[str], dry_run: bool, **options: Any) -> None:
        loaded = load_catalogue(only=only, dry_run=dry_run)
        for entry in loaded.added:
            self.stdout.write(_line(entry))
        for model in loaded.kept:
            self.stdout.write(f"{model}: has a price already")
        verb = "would be loaded" if dry_run else "loaded"
        self.stdout.write(f"{len(loaded.added)} prices {verb}, {len(loaded.kept)} left as they were.")
        if loaded.added:
            self.stdout.write("Check before selling: compare them with the providers' pages.")
        if loaded.unknown:
            raise CommandError(f"Not in the catalogue: {', '.join(loaded.unknown)}")


def _line(entry: Listed) -> str:
    price = entry.price
    tiers = f", {len(price.tiers)} dearer for long prompts" if price.tiers else ""
    doubt = "" if entry.is_verified else ", NOT VERIFIED"
    amounts = f"{format_usd(price.input)} in, {format_usd(price.output)} out{tiers}"
    return f"{price.model}: {amounts} ({entry.source}, {entry.date}{doubt})"
