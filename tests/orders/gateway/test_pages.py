"""The pages that a person sees."""

import pytest


@pytest.fixture
def page(calls):
    return calls.xunhupay_create("TOP1", title="<b>20 元首购套餐</b>", callback_url="http://127.0.0.1:9/left").json()[
        "url"
    ]


def test_it_says_what_is_to_be_paid_to_whom(gateway, page):
    text = gateway.request("GET", page).text

    for part in ("Local test gateway", "no money moves", "Demo shop", "&lt;b&gt;20 元首购套餐", "299.00 CNY", "TOP1"):
        assert part in text


def test_a_wrong_amount(calls, gateway, shop, page):
    assert calls.pay(page, "wrong").headers["location"] == shop.return_url

    assert shop.wait_for()[0].fields["total_fee"] == "149.50"


def test_declining_and_leaving_pay_nothing(calls, gateway, shop, page):
    declined = calls.pay(page, "decline")
    left = calls.pay(page, "cancel")

    assert "declined" in gateway.request("GET", declined.headers["location"]).text
    assert left.headers["location"] == "http://127.0.0.1:9/left"
    assert (gateway.payment("TOP1")["status"], shop.told) == ("open", [])


def test_what_is_paid_cannot_be_paid_again(calls, gateway, page):
    calls.pay(page)

    assert calls.pay(page).status == 409
    text = gateway.request("GET", page).text
    assert "Paid." in text
    assert "<button" not in text


def test_a_double_click_pays_once(calls, gateway, page):
    assert [calls.pay(page).status for _ in range(2)] == [303, 409]
    assert len(gateway.payment("TOP1")["receipts"]) == 1


def test_the_list(gateway, page):
    assert "TOP1" in gateway.request("GET", "/").text


def test_nothing_else_is_there(gateway):
    answer = gateway.request("GET", "/pay/1")

    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert gateway.request("GET", "/etc").status == 404
    assert gateway.request("DELETE", "/pay/1").status == 404
