"""`manage.py sign_in_link EMAIL`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import sign_in_links
from accounts.models import User


class Command(BaseCommand):
    help = "Print a link that signs this user in once, within 24 hours."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **_options: Any) -> None:
        user = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {email}.")
        self.stdout.write(settings.SITE_URL + sign_in_links.path_for(user))
