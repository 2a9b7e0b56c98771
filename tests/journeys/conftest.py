"""A served product on an empty, seeded database, and a browser in front of it."""

import pytest
from playwright.sync_api import sync_playwright

from tests.factories import make_channel, make_group, make_price
from tests.live import serving
from tests.relay.conftest import sandbox  # noqa: F401 - a fixture

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser(chromium):
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in the thread that reads the database
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A fresh browser window; any console error, script error or CSP violation fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


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
