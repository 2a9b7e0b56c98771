"""A token is made with Tab, Space and Enter alone, and one always sees where one is."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tokens.models import Token

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]
MOST_TABS = 80
# What tells where the focus is: an outline, or a shadow or border that the element has not without the focus.
IS_MARKED = """() => {
    const each = document.activeElement;
    if (each === document.body) return true; // past the last element, on the way round
    const shown = each.labels?.length && !each.checkVisibility({opacityProperty: true}) ? each.labels[0] : each;
    const look = () => [shown, ...shown.querySelectorAll("*"), each.parentElement].map(one => {
        const {outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor} = getComputedStyle(one);
        return [outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor].join();
    }).join();
    const focused = look();
    each.blur();
    const blurred = look();
    each.focus({focusVisible: true});
    return focused !== blurred;
}"""


@pytest.fixture
def page(site, alice, client_of, new_page):
    """A window in which alice is signed in."""
    page = new_page(base_url=site, viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    session = client_of(alice).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
    return page


def tab_to(page, target):
    """Press Tab until the target has the focus; every stop on the way shows that it has it."""
    for _press in range(MOST_TABS):
        page.keyboard.press("Tab")
        where = page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        assert page.evaluate(IS_MARKED), f"no visible focus: {where}"
        if target.evaluate("each => each === document.activeElement"):
            return
    pytest.fail(f"{MOST_TABS} times Tab do not lead to {target}")


def test_a_token_is_made_by_keyboard_alone(page, alice):
    page.goto("/tokens")
    tab_to(page, page.get_by_role("main").get_by_role("link", name="Create token").first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/tokens/new")
    tab_to(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("by keyboard")
    tab_to(page, page.get_by_role("switch", name="Unlimited quota"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_label("Quota", exact=True))
    page.keyboard.press("Control+A")
    page.keyboard.type("1000000")
    expect(page.locator("[data-equivalent]")).to_have_text("$2.00")
    tab_to(page, page.get_by_role("main").get_by_role("button", name="Create token"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/tokens/created")

    assert Axe().run(page).response["violations"] == []
    tab_to(page, page.locator("main .copy-line button, main [data-copy]").first)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Copied to clipboard!").first).to_be_visible()
    assert re.fullmatch(r"sk-[A-Za-z0-9]{48}", page.evaluate("navigator.clipboard.readText()"))
    token = Token.objects.get(user=alice)
    assert (token.name, token.quota) == ("by keyboard", 2_000_000_000)
