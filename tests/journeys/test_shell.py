"""What every page shares, in a real browser: theme, language, copying, tabs, the phone's menu; then without scripts."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def scriptless(browser):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    yield context.new_page()
    context.close()


def theme_of(page):
    return page.locator("html").get_attribute("data-theme")


def test_the_theme_changes_at_once_and_stays(page, site):
    page.goto(site)
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Dark").click()
    assert theme_of(page) == "dark"
    assert not page.locator("#theme-menu").is_visible()
    page.goto(f"{site}/pricing")
    assert theme_of(page) == "dark"


def test_copying_says_so(page, site):
    page.goto(site)
    page.get_by_role("button", name="Copy base URL").click()
    page.get_by_role("status").filter(has_text="Copied to clipboard!").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{site}/v1"


def test_tabs_by_keyboard(page, site):
    page.goto(site)
    page.get_by_role("tab", name="Python").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tabpanel", name="Node.js").is_visible()
    page.keyboard.press("End")
    assert "curl" in page.get_by_role("tabpanel", name="curl").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tabpanel", name="Python").is_visible()


def test_prices_are_filtered_while_typing(page, site):
    page.goto(f"{site}/pricing")
    page.get_by_role("row", name="sandbox-mini").wait_for()
    page.get_by_role("searchbox", name="Search models").fill("nothing like it")
    page.get_by_text("No model matches").wait_for()
    assert "q=nothing" in page.url
    page.go_back()
    page.get_by_role("row", name="sandbox-mini").wait_for()


def test_the_phones_menu(page, site):
    page.set_viewport_size({"width": 360, "height": 780})
    page.goto(site)
    menu = page.locator("#side-bar")
    assert not menu.is_visible()
    page.get_by_role("button", name="Menu").click()
    menu.get_by_role("link", name="Pricing").click()
    page.wait_for_url("**/pricing")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_scripts_menus_open_and_forms_do_the_work(scriptless, site):
    scriptless.goto(f"{site}/pricing")
    scriptless.get_by_role("button", name="Theme").click()
    scriptless.get_by_role("button", name="Dark").click()
    scriptless.wait_for_url("**/pricing")
    assert theme_of(scriptless) == "dark"

    scriptless.get_by_role("button", name="Language").click()
    scriptless.get_by_role("button", name="简体中文").click()
    scriptless.get_by_role("heading", name="价格").wait_for()

    scriptless.get_by_role("searchbox").fill("no such model")
    scriptless.get_by_role("button", name="应用").click()
    scriptless.get_by_text("没有匹配的模型").wait_for()


def test_without_scripts_every_tab_is_open_and_nothing_dead_is_shown(scriptless, site):
    scriptless.goto(site)
    for language in ("python", "node", "curl"):
        assert scriptless.locator(f"#home-{language}").is_visible()
    assert scriptless.locator(".copy:visible").count() == 0
