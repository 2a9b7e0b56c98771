"""A run works on the installation it was asked for, and on nothing of the developer's."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections

from accounts.models import User

pytestmark = pytest.mark.money
ROOT = Path(__file__).parents[2]
VENDORS = {"sqlite": "sqlite", "postgres": "postgresql", "postgresql": "postgresql"}


@pytest.mark.django_db
def test_the_database_is_the_one_asked_for():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert connection.vendor == VENDORS[urlsplit(os.environ["DATABASE_URL"]).scheme]
    assert os.environ.get("TOLLBOOTH_TEST_DB", connection.vendor) == connection.vendor


def count_users():
    try:
        return User.objects.count()
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_threads_share_the_database():
    User.objects.create_user("alice@example.com")
    with ThreadPoolExecutor(max_workers=1) as pool:
        assert pool.submit(count_users).result() == 1


def test_the_cache_is_the_one_asked_for():
    cache.set("greeting", "hello")
    assert cache.get("greeting") == "hello"
    assert bool(settings.REDIS_URL) == settings.CACHES["default"]["BACKEND"].endswith("RedisCache")


def test_the_developers_own_data_is_out_of_reach():
    assert not settings.VAR_DIR.is_relative_to(ROOT)
    assert not str(connection.settings_dict["NAME"]).startswith(str(ROOT))
