"""What every test may use: personas, browser clients for them, Chromium, and a clean slate.

`tests/provision/plugin.py` decides on which database a run works. `python3 run.py test` makes two runs: the tests
marked `money` on SQLite without Redis, then all tests on PostgreSQL with Redis. `pytest` alone makes the second.
"""

import faulthandler
import os
import shutil
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as django_settings
from django.core.cache import cache, caches
from django.db import connection
from django.test import Client, TransactionTestCase, override_settings
from django.utils import translation
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from config import hosts
from tests.factories import make_user
from tests.provision.emptying import empty_tables

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# No deadline: no test may depend on the clock of a busy machine. No saved examples: the printed seed repeats a run.
hypothesis_settings.register_profile("tollbooth", deadline=None, database=None, derandomize=False, print_blob=True)
hypothesis_settings.load_profile("tollbooth")


LONG_FOLDERS = (Path(__file__).parent / "orders" / "gateway",)  # tests/orders/journeys pay at the same gateway


# ── The run ──────────────────────────────────────────────────────────────────


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """For the tests marked `money` no other file need be imported: `None` leaves the decision to others."""
    is_test = collection_path.match("test_*.py")
    if config.option.markexpr == "money" and is_test and "mark.money" not in collection_path.read_text():
        return True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of one file that use a started product share a worker; long tests wait to be asked for."""
    for item in items:
        if item.path.parent in LONG_FOLDERS:
            item.add_marker(pytest.mark.soak)
    if "soak" not in config.option.markexpr:  # not in addopts: a -m of the command line would replace that one
        long = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    for item in items:
        if item.get_closest_marker("live") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("soak"):
        faulthandler.cancel_dump_traceback_later()  # it may take longer than what else counts as hanging
    if item.get_closest_marker("browser") and not find_chromium():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("Chromium is not installed (Debian: apt-get install chromium)")


def find_chromium() -> str | None:
    return shutil.which("chromium")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Debian's Chromium, for tests marked `browser`."""
    path = find_chromium()
    assert path, "mark the test `browser`, so that it is skipped where there is no Chromium"
    return path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A started Chromium. As long as it lives an event loop seems to run in this thread: asyncio.run() and a second
    Playwright fail, so it ends with its module, and Django would refuse the database, so that check is off."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`new_page(base_url=…)`: an empty browser window that shares nothing with the others of a test.

    A console error, a script error or a refusal by a page's security policy fails the test.
    """
    contexts, complaints = list[BrowserContext](), list[str]()

    def new_page(**options: Any) -> Page:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], locale="en-US", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """One empty browser window of a desktop's size."""
    return new_page(viewport={"width": 1440, "height": 900})


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file of each worker: with Django's database in memory, threads only meet "table is locked"."""
    database = django_settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """On SQLite a test database is emptied by DELETE (elsewhere by TRUNCATE), which append-only tables would refuse."""
    with django_db_blocker.unblock():
        for name in append_only_triggers("DELETE"):
            run_sql(f"DROP TRIGGER {name}")


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: empty_tables())
        yield


@pytest.fixture
def append_only_deletes(db: None) -> None:
    """Have the triggers back that `django_db_setup` took away, for one test."""
    for name, event in append_only_triggers("DELETE").items():
        run_sql(f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, 'append-only'); END")


def append_only_triggers(verb: str) -> dict[str, str]:
    """SQLite's triggers of one verb, by name; none on another database."""
    if connection.vendor != "sqlite":
        return {}
    apps = ("billing.migrations.0002_append_only", "orders.migrations.0003_append_only")
    triggers = {name: event for app in apps for name, event in import_module(app).SQLITE.items()}
    return {name: event for name, event in triggers.items() if event.startswith(verb)}


def run_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(scope="session", autouse=True)
def quick_settings() -> Iterator[None]:
    """Cheap password hashes, and static files straight from their sources, without `collectstatic`. A relay that is
    served in here keeps its hands off the garbage collector: a product freezes what it has loaded, once."""
    storages = {
        **django_settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    sources = {"WHITENOISE_USE_FINDERS": True, "WHITENOISE_AUTOREFRESH": True}
    with (
        override_settings(STORAGES=storages, PASSWORD_HASHERS=hashers, **sources),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("relay.runtime.collect_less_garbage", lambda: None)
        yield


@pytest.fixture(autouse=True)
def clean_cache() -> Iterator[None]:
    """No test meets the rate limits, cached rows, host names or language of another."""
    hosts.TABLE.brands = {}
    yield
    translation.deactivate()  # a page that was asked for in this thread leaves its reader's
    cache.clear()
    caches["process"].clear()


# ── People ───────────────────────────────────────────────────────────────────


@pytest.fixture
def alice(db: None) -> User:
    """A customer."""
    return persona("alice")


@pytest.fixture
def bob(db: None) -> User:
    """Another customer, who must never see what is alice's."""
    return persona("bob")


@pytest.fixture
def carol(db: None) -> User:
    """The operator: staff with every permission."""
    return persona("carol", is_staff=True, is_superuser=True)


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """`client_of(alice)`: a browser in which she is signed in."""

    def client_of(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        session = client.session
        session["noted_at"] = time.time()  # as a sign-in leaves it: the first page writes no row about the browser
        session.save()
        return client

    return client_of


def persona(name: str, **fields: bool) -> User:
    """A user with a wallet and a verified e-mail address at example.com."""
    user: User = make_user(f"{name}@example.com", name=name.title(), **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user
