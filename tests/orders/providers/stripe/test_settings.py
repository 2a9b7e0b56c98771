"""What an operator is told about the settings of an account, and which addresses it may use."""

from dataclasses import replace

import pytest

from orders.providers.base import Account, RefundSupport
from orders.providers.stripe_settings import is_pay_page
from tests.orders.providers.stripe.signing import OLDER_SECRET, SECRET

TEST_KEY, LIVE_KEY = "sk_test_51RvP0wQz8Lk3Jm2Nb7Yc", "sk_live_51RvP0wQz8Lk3Jm2Nb7Yc"
LIVE = Account(1, {}, {"secret_key": LIVE_KEY, "webhook_secret": SECRET})
TEST = Account(1, {}, {"secret_key": TEST_KEY, "webhook_secret": SECRET}, live=False)


def test_a_proper_account_has_no_problems(stripe):
    assert stripe.check_config(LIVE) == stripe.check_config(TEST) == []
    restricted = replace(LIVE, secrets={**LIVE.secrets, "secret_key": LIVE_KEY.replace("sk_", "rk_")})
    assert stripe.check_config(restricted) == []


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "begins with sk_live_"),
        ("sk_live_short", "begins with sk_live_"),
        ("whsec_51RvP0wQz8Lk3Jm2Nb7Yc", "begins with sk_live_"),
        (LIVE_KEY + " ", "begins with sk_live_"),
        (LIVE_KEY.replace("sk_", "pk_"), "publishable key"),
        (TEST_KEY, "takes no real money"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sample"),
        ("sk_live_xxxxxxxxxxxxxxxxxxxxxxxx", "sample"),
        ("sk_live_1111111111111111", "sample"),
    ],
)
def test_a_wrong_key(stripe, key, told):
    (problem,) = stripe.check_config(replace(LIVE, secrets={"secret_key": key, "webhook_secret": SECRET}))
    assert told in problem


def test_a_live_key_in_a_test_account(stripe):
    (problem,) = stripe.check_config(replace(LIVE, live=False))
    assert "moves real money" in problem


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("", "begins with whsec_"),
        ("whsec_", "begins with whsec_"),
        ("whsec_fifteen_letters", "begins with whsec_"),
        (SECRET.removeprefix("whsec_"), "begins with whsec_"),
        (f" {SECRET}", "begins with whsec_"),
        ("whsec_test_secret_of_everybody", "everybody knows"),
        ("whsec_1234567890123456", "everybody knows"),
        ("whsec_0000000000000000", "everybody knows"),
        ("whsec_EXAMPLE9fKq2ZtW7xLmB4v", "everybody knows"),
    ],
)
def test_a_weak_signing_secret(stripe, secret, told):
    (problem,) = stripe.check_config(replace(LIVE, secrets={**LIVE.secrets, "webhook_secret": secret}))
    assert told in problem


@pytest.mark.parametrize("before", [OLDER_SECRET, "whsec_test_secret_of_everybody"])
def test_the_secret_before_makes_no_problem(stripe, before):
    assert stripe.check_config(replace(LIVE, secrets={**LIVE.secrets, "previous_webhook_secret": before})) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"methods": "card, barter"}, "Unknown payment methods: barter."),
        ({"currencies": "CNY ISK xyz"}, "Currencies that cannot be used: ISK, xyz."),
        ({"checkout_domain": "https://pay.example.com"}, "host name alone"),
        ({"checkout_domain": "example"}, "host name alone"),
        *[
            ({"api_base": address}, "has to be https")
            for address in (
                "http://127.0.0.1:8000",
                "http://api.stripe.com",
                "https://api.stripe.com/v1",
                "https://api.stripe.com?x=1",
                "https://user@api.stripe.com",
                "https://",
                "ftp://api.stripe.com",
                "api.stripe.com",
                "https://api.stripe.com:port",
                "https://api.str\tipe.com",
                "https://[",
            )
        ],
    ],
)
def test_an_option_that_cannot_be(stripe, options, told):
    (problem,) = stripe.check_config(replace(LIVE, options=options))
    assert told in problem


@pytest.mark.parametrize("address", ["https://stripe.internal.example", "http://127.0.0.1:8000/", "http://[::1]:8000"])
def test_an_address_of_its_own(stripe, address):
    assert stripe.check_config(replace(TEST, options={"api_base": address})) == []


def test_on_a_test_account_plain_http_is_for_this_machine_alone(stripe):
    assert stripe.check_config(replace(TEST, options={"api_base": "http://192.0.2.7"})) != []


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://checkout.stripe.com/c/pay/cs_live_a1#fid", True),
        ("https://pay.example.com/c/pay/cs_live_a1", True),
        ("https://pay.example.com:443/c/pay/cs_live_a1", True),
        ("https://pay.example.com:8443/c/pay/cs_live_a1", False),
        ("http://checkout.stripe.com/c/pay/cs_live_a1", False),
        ("https://stripe.com.elsewhere.example/c", False),
        ("https://evilstripe.com/c", False),
        ("https://elsewhere.example/checkout.stripe.com", False),
        ("https://checkout.stripe.com@elsewhere.example/c", False),
        ("https://elsewhere.example\\.checkout.stripe.com/c", False),
        ("https://elsewhere.example\t.stripe.com/c", False),
        ("//checkout.stripe.com/c", False),
        ("javascript://checkout.stripe.com/%0aalert(1)", False),
        ("", False),
    ],
)
def test_customers_are_sent_to_stripes_pages_alone(url, is_one):
    assert is_pay_page(replace(LIVE, options={"checkout_domain": "pay.example.com"}), url) is is_one


def test_without_a_domain_of_its_own_only_stripes(stripe):
    assert not is_pay_page(LIVE, "https://pay.example.com/c/pay/cs_live_a1")


@pytest.mark.parametrize(
    ("base", "url", "is_one"),
    [
        ("https://stripe.internal.example", "https://stripe.internal.example:8443/c/pay/cs_1", True),
        ("https://stripe.internal.example", "https://checkout.stripe.com/c/pay/cs_1", False),
        ("https://stripe.internal.example", "http://127.0.0.1/c/pay/cs_1", False),
        ("http://127.0.0.1:8000", "http://localhost:8000/c/pay/cs_1", True),
        ("http://127.0.0.1:8000", "http://192.0.2.7/c/pay/cs_1", False),
    ],
)
def test_what_stands_in_for_stripe_has_its_own_pages(base, url, is_one):
    assert is_pay_page(replace(TEST, options={"api_base": base}), url) is is_one


def test_what_it_can_do(stripe):
    able = stripe.capabilities(replace(LIVE, options={"currencies": "usd,CNY"}))
    assert (able.currencies, able.least_minor, able.most_minor) == ({"USD", "CNY"}, 50, 99_999_999)
    assert (able.refund, able.query, able.close, able.confirms) == (RefundSupport.PARTIAL, True, True, True)
    assert stripe.capabilities(replace(LIVE, options={"currencies": "CNY"})).least_minor == 400
    assert {"USD", "CNY", "EUR", "JPY"} <= stripe.capabilities(LIVE).currencies


def test_secrets_are_marked_as_such(stripe):
    assert {option.name for option in stripe.options if option.secret} == {"secret_key", "webhook_secret"}
    assert {option.name for option in stripe.options if option.required} == {"secret_key", "webhook_secret"}
    assert {option.name for option in stripe.options} >= {"methods", "currencies", "checkout_domain", "api_base"}
