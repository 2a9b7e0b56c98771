"""`manage.py seed`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config import seeding
from config.serving.claims import LOOPBACK


class Command(BaseCommand):
    help = (
        "Write what a new installation starts with: groups, prices, packages, the operator; in a demo also the sandbox."
    )

    def handle(self, **_options: Any) -> None:
        seeding.seed(
            sandbox_url=f"http://{LOOPBACK}:{settings.SANDBOX_PORT}/v1",
            gateway_url=f"http://{LOOPBACK}:{settings.GATEWAY_PORT}",
        )
        self.stdout.write("Seeded what was missing.")
