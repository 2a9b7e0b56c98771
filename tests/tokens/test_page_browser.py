"""What scripts add to Token Management, in a real browser under the real policy."""

import re

import pytest
from playwright.sync_api import expect

from tests.factories import make_channel, make_price
from tokens.models import Token

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browsing(new_page, live_server, client_of):
    """`page = browsing(alice)`: a browser window in which she is signed in."""

    def browsing(user):
        page = new_page(base_url=live_server.url)
        session = client_of(user).cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        return page

    return browsing


def clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


def test_copying_keys(alice, issue, browsing):
    first, second = issue(alice, name="one"), issue(alice, name="two")
    page = browsing(alice)
    page.goto("/tokens")
    page.get_by_role("button", name="Copy the key of one").click()
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text(first.plain_key)).to_be_visible()

    page.goto("/tokens")
    page.get_by_role("button", name="Copy the key of one").click()
    expect(page.get_by_text("Copied to clipboard!")).to_be_visible()
    assert clipboard(page) == first.plain_key

    copy_selected = page.get_by_role("button", name="Copy selected")
    expect(copy_selected).to_be_disabled()
    page.get_by_label("Select all tokens of this page").check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    copy_selected.click()
    expect(page.get_by_text("Copied to clipboard!")).to_have_count(2)
    assert clipboard(page) == f"two\t{second.plain_key}\none\t{first.plain_key}"


def test_deleting_asks_in_a_dialog(alice, issue, browsing):
    issue(alice, name="one")
    issue(alice, name="two")
    page = browsing(alice)
    page.goto("/tokens")
    page.get_by_role("button", name="Delete one").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("one")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    page.get_by_label("Select two").check()
    page.get_by_role("button", name="Delete selected").click()
    expect(dialog).to_contain_text("two")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 token was deleted.")).to_be_visible()
    assert set(Token.objects.filter(deleted_at=None).values_list("name", flat=True)) == {"one"}


def test_the_filter_answers_while_typing(alice, issue, browsing):
    issue(alice, name="production")
    issue(alice, name="staging")
    page = browsing(alice)
    page.goto("/tokens")
    page.get_by_role("searchbox").fill("prod")
    expect(page.get_by_role("row", name=re.compile("staging"))).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?q=prod"))
    expect(page.get_by_role("button", name="Copy selected")).to_be_disabled()


def test_the_form_converts_while_typing_and_hides_what_does_not_matter(alice, standard, browsing):
    page = browsing(alice)
    page.goto("/tokens/new")
    amount, equivalent = page.get_by_label("Quota", exact=True), page.locator("[data-equivalent]")
    expect(amount).to_be_hidden()
    page.get_by_role("switch", name="Unlimited quota").uncheck()
    expect(equivalent).to_have_text("$1.00")
    amount.fill("1")
    expect(equivalent).to_have_text("$0.000002")
    page.locator(".segmented").get_by_text("$", exact=True).click()
    amount.fill("1,234.50")
    expect(equivalent).to_have_text("617,250,000 quota")
    amount.fill("1.2.3")
    expect(equivalent).to_have_text("–")

    date = page.get_by_label("Date and time")
    expect(date).to_be_hidden()
    page.get_by_text("On a date").click()
    expect(date).to_be_visible()


def test_models_are_picked_from_those_one_can_call(alice, standard, browsing):
    make_channel("http://127.0.0.1:9/v1", models=["one", "two"], groups=[standard])
    make_price("one")
    make_price("two")
    page = browsing(alice)
    page.goto("/tokens/new")
    models, two = page.get_by_label("Models"), page.get_by_role("button", name="two", exact=True)
    models.fill("another")
    two.click()
    expect(models).to_have_value("another\ntwo")
    expect(two).to_have_attribute("aria-pressed", "true")
    two.click()
    expect(models).to_have_value("another")
    models.fill("two")
    expect(two).to_have_attribute("aria-pressed", "true")
