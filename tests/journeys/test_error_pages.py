"""The pages for what went wrong, as a browser shows them: in the site's design, whole, readable, without complaints."""

import pytest
from allauth.core.ratelimit import respond_429
from axe_playwright_python.sync_playwright import Axe
from django.core.exceptions import BadRequest, PermissionDenied

from tests.journeys.tour import REPORT_REFUSALS

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.soak]
LOOKS = [(1440, "light", "en"), (360, "dark", "zh-CN"), (360, "light", "en"), (1440, "dark", "zh-CN")]
BROKEN = {400: BadRequest("?"), 403: PermissionDenied(), 500: ZeroDivisionError()}


@pytest.fixture
def open_page(browser, site, monkeypatch, settings):
    """`open_page(500, look)`: the page of a status, where its own complaint in the console is the only one."""
    settings.DEBUG = False

    def open_page(status, look):
        width, theme, locale = look
        context = browser.new_context(
            base_url=site, viewport={"width": width, "height": 800}, color_scheme=theme, locale=locale
        )
        context.add_init_script(REPORT_REFUSALS)
        page, heard = context.new_page(), []
        page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        answer = page.goto(_provoke(status, monkeypatch, settings))
        assert answer.status == status
        assert [text for text in heard if f"status of {status}" not in text] == []
        return page

    return open_page


def _provoke(status, monkeypatch, settings):
    """The address that answers with the status."""
    if status in BROKEN:
        monkeypatch.setattr("relay.views.price_groups", lambda user: (_ for _ in ()).throw(BROKEN[status]))
    if status == 429:
        monkeypatch.setattr("config.site_pages.render", lambda request, *rest: respond_429(request))
        return "/about"
    settings.MAINTENANCE = "pages" if status == 503 else ""
    return {404: "/no-such-page", 405: "/theme"}.get(status, "/pricing")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 429, 500, 503])
def test_a_page_is_whole_and_readable(status, open_page):
    for look in LOOKS:
        page = open_page(status, look)
        assert page.locator(".error-code").inner_text() == str(status)
        assert page.locator("html").get_attribute("lang") == ("en" if look[2] == "en" else "zh-Hans")
        assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Inter")
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert Axe().run(page).response["violations"] == []


def test_a_form_that_is_out_of_date(browser, site):
    page = browser.new_page(base_url=site)
    page.goto("/accounts/login/")
    page.context.clear_cookies()
    page.locator("input[name=login]").fill("alice@example.com")
    page.locator("input[name=password]").fill("wrong")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.locator("main button[type=submit]").first.click()
    assert answered.value.status == 403
    page.get_by_role("heading", name="This form is out of date").wait_for()
    assert Axe().run(page).response["violations"] == []
