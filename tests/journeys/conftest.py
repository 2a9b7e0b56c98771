"""A served product: on an empty, seeded database, or with two weeks of business in it."""

import pytest
from django.core.management import call_command
from django.db import connections

from tests.factories import make_channel, make_group, make_price
from tests.journeys.rooms import open_rooms
from tests.live import serving
from tests.relay.conftest import sandbox  # noqa: F401 - a fixture


@pytest.fixture
def site(transactional_db, sandbox, settings):  # noqa: F811
    """Base URL of the product with one priced sandbox channel."""
    settings.SECURE_COOKIES = False
    make_price("sandbox-mini", input="1", output="2")
    group = make_group("default", is_default=True, description="Default")
    make_channel(sandbox, models=["sandbox-mini"], groups=[group])
    from config.asgi import application

    with serving(application) as url:
        settings.SITE_URL = url
        settings.API_BASE_URL = f"{url}/v1"
        yield url


@pytest.fixture(scope="module")  # filled once, before the transaction in which each test believes to be
def rooms(browser, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        try:
            with open_rooms() as rooms:
                yield rooms
        finally:
            call_command("flush", interactive=False, verbosity=0)
            connections.close_all()
