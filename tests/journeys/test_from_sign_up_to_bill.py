"""A stranger signs up, makes a token, calls the relay with the official SDK, then from the Playground, and finds the
exact cost on the pages and in the export."""

import csv
import re
from decimal import Decimal

import openai
import pytest
from playwright.sync_api import expect

from accounts.models import User
from billing.models import UsageRecord, Wallet
from config.kernel.money import format_usd_short, usd

pytestmark = [pytest.mark.browser, pytest.mark.live]
PASSWORD = "correct horse battery 9"


def sign_up(page, site, mailoutbox):
    page.goto(f"{site}/")
    page.get_by_role("link", name="Create an account").click()
    page.locator("input[name=email]").fill("alice@example.com")
    page.locator("input[name=password1]").fill(PASSWORD)
    page.get_by_role("main").locator("button[type=submit]").click()
    expect(page.locator("input[name=code]")).to_be_visible()
    code = re.search(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", mailoutbox[-1].body).group(0)
    page.locator("input[name=code]").fill(code)
    page.get_by_role("main").locator("button[type=submit]").first.click()
    expect(page).to_have_url(f"{site}/dashboard")


def create_token(page, site):
    """Make a token and return its key as the clipboard has it."""
    page.goto(f"{site}/tokens")
    page.get_by_role("link", name="Create token").first.click()
    page.get_by_label("Name").fill("my first key")
    page.get_by_role("button", name="Create token").click()
    page.locator("main .copy-line button, main [data-copy]").first.click()
    expect(page.get_by_text("Copied to clipboard!").first).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def call(site, key, *, stream):
    with openai.OpenAI(base_url=f"{site}/v1", api_key=key) as client:
        answer = client.chat.completions.create(
            model="sandbox-mini", messages=[{"role": "user", "content": "Hello"}], stream=stream
        )
        if stream:
            return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        return answer.choices[0].message.content


def ask_in_playground(page, site):
    page.goto(f"{site}/playground")
    page.get_by_label("Model", exact=True).select_option("sandbox-mini")
    page.locator("#draft").fill("Hello")
    page.keyboard.press("Control+Enter")
    cost = page.locator(".turn-answer .turn-facts strong").last
    expect(cost).to_have_text(re.compile(r"^\$0\.0"), timeout=15_000)


def exported(page, site):
    """The rows of the CSV file, by request id."""
    lines = page.request.get(f"{site}/usage.csv").body().decode("utf-8-sig").splitlines()
    return {row["request_id"]: row for row in csv.DictReader(lines)}


def test_the_whole_way(page, site, mailoutbox, settings):
    settings.TRIAL_CREDIT_USD = "1"
    sign_up(page, site, mailoutbox)
    key = create_token(page, site)
    assert re.fullmatch(r"sk-[A-Za-z0-9]{48}", key)
    assert call(site, key, stream=False) == call(site, key, stream=True)
    alice = User.objects.get(email="alice@example.com")
    first, second = UsageRecord.objects.filter(user=alice)
    spent = first.charge + second.charge
    assert Wallet.objects.get(user=alice).balance == usd("1") - spent

    page.goto(f"{site}/usage")
    rows = page.locator("main table tbody tr")
    expect(rows).to_have_count(2)
    for row, record in zip(rows.all(), (first, second), strict=True):
        expect(row).to_contain_text("sandbox-mini")
        expect(row).to_contain_text(f"{record.output_tokens}")
        expect(row).to_contain_text(format_usd_short(record.charge))

    page.goto(f"{site}/dashboard")
    expect(page.get_by_role("main")).to_contain_text(format_usd_short(spent))
    expect(page.get_by_role("main")).to_contain_text(format_usd_short(usd("1") - spent))

    ask_in_playground(page, site)
    page.goto(f"{site}/usage")
    expect(rows).to_have_count(3)
    file = exported(page, site)
    assert list(file) == [row.get_attribute("data-id") for row in rows.all()]
    for row, line in zip(rows.all(), file.values(), strict=True):
        for column in ("token", "model", "output_tokens"):
            expect(row).to_contain_text(line[column])
        expect(row).to_contain_text(format_usd_short(int(Decimal(line["charge_usd"]) * 10**9)))
