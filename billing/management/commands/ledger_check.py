"""`manage.py ledger_check [--full] [--repair]`: prove that every cent is accounted for."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing import proof


class Command(BaseCommand):
    help = "Proves the books and names every row that disagrees; exits with 1 when one does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair", action="store_true", help="Explain differences by new entries, then check again."
        )

        parser.add_argument(
            "--full", action="store_true", help="Compare every roll-up with its rows and recompute every charge."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["repair"]:
            proof.repair_books()
        violations = proof.check_books(full=options["full"])
        for violation in violations:
            self.stderr.write(str(violation))
        if violations:
            self.stderr.write(f"{len(violations)} violations")
            sys.exit(1)
        self.stdout.write("The books agree.")
