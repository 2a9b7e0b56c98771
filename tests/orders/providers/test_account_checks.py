"""What an operator is told about the settings of an account, and what an account can do."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orders.providers.base import Account, RefundSupport
from orders.providers.epay import EPay
from orders.providers.xunhupay import Xunhupay
from tests.orders.providers import makers
from tests.orders.providers.makers import SECRET, epay_account, xunhupay_account


def xunhupay_problems(base_url="", **changes):
    return Xunhupay().check_config(xunhupay_account(base_url, **changes))


def test_proper_accounts():
    assert xunhupay_problems() == []
    assert (
        xunhupay_problems("https://api.dpweixin.com", previous="short", allowed_hosts="pay.example, [::1]:8443") == []
    )
    assert EPay().check_config(epay_account(extra_fields="device=mobile", notify_fields="buyer", refund="full")) == []


@pytest.mark.parametrize(
    "base",
    [
        "https://api.xunhupay.com",
        "https://api.xunhupay.com/",
        "https://api.xunhupay.com/payment/do.html",
        "https://api.xunhupay.com/payment/query.html/",
        " https://API.xunhupay.com:443/v2 ",
    ],
)
def test_base_addresses_as_they_are_pasted(base):
    assert xunhupay_problems(base) == []


@pytest.mark.parametrize(
    "base",
    [
        "https://pay.example.com/submit.php",
        "https://pay.example.com/mapi.php",
        "https://pay.example.com/api/pay/create",
    ],
)
def test_pages_of_epay_are_cut_off(site, base):
    assert EPay().check_config(epay_account(base)) == []
    site.answers["/x/mapi.php"] = {"code": 1, "payurl": "/pay"}
    pasted = site.base + "/x" + base.removeprefix("https://pay.example.com")
    assert EPay().create(epay_account(pasted, live=False), makers.charge()).url == site.base + "/pay"


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("http://api.xunhupay.com", "must start with https"),
        ("http://127.0.0.1:8000", "must start with https"),
        ("ftp://api.xunhupay.com", "can't be read"),
        ("api.xunhupay.com", "can't be read"),
        ("https://", "can't be read"),
        ("https://a b", "can't be read"),
        ("https://127.1", "can't be read"),
        ("https://api.xunhupay.com:99999", "can't be read"),
        ("https://api.xunhupay.com/../x", "can't be read"),
        ("https://api.xunhupay.com/%2e", "can't be read"),
        ("https://api.xunhupay.com//x", "can't be read"),
        ("https://例子.example", "can't be read"),
        ("https://user:pw@api.xunhupay.com", "must not contain"),
        ("https://@api.xunhupay.com", "must not contain"),
        ("https://api.xunhupay.com?x=1", "must not contain"),
        ("https://api.xunhupay.com/x?", "must not contain"),
        ("https://api.xunhupay.com#x", "must not contain"),
    ],
)
def test_base_addresses_that_are_refused(base, problem):
    [found] = xunhupay_problems(base)
    assert problem in found


def test_plain_http_only_for_play_money_on_this_machine():
    for base in ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000", "http://127.8.8.8"):
        assert xunhupay_problems(base, live=False) == []
        assert len(xunhupay_problems(base)) == 1
    for base in ("http://10.0.0.1", "http://localhost.example", "http://pay.example"):
        assert len(xunhupay_problems(base, live=False)) == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"secret": ""}, "missing"),
        ({"secret": "short"}, "shorter"),
        ({"secret": "098CBD716BDAEBE185693DB6FF1B6B20"}, "sample"),
        ({"appid": ""}, "App id"),
        ({"allowed_hosts": "pay.example/x"}, "pay.example/x"),
        ({"allowed_hosts": "https://pay.example"}, "no host name"),
        ({"allowed_hosts": "user@pay.example"}, "no host name"),
        ({"extra_fields": "payment"}, "no extra field"),
        ({"extra_fields": "wap_url=https://shop.example/?x=1"}, "no extra field"),
        ({"extra_fields": "payment=wechat total_fee=0.01"}, "total_fee"),
        ({"extra_fields": "hash=x"}, "hash"),
    ],
)
def test_other_settings_of_xunhupay(changes, problem):
    [found] = xunhupay_problems(**changes)
    assert problem in found


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pid": ""}, "Merchant id"),
        ({"payment_type": ""}, "Payment type"),
        ({"payment_type": "ali pay"}, "one word"),
        ({"version": "3"}, "1 or 2"),
        ({"refund": "partial"}, "none or full"),
        ({"success_reply": "<b>"}, "one word"),
        ({"notify_fields": "buyer, notify_url"}, "notify_url"),
        ({"notify_fields": "a=b"}, "a=b"),
        ({"extra_fields": "money=0.01"}, "money"),
        ({"secret": ""}, "missing"),
        ({"secret": "89unJUB8HZ54Hj7x4nUj56HN4nUzUJ8i"}, "sample"),
    ],
)
def test_other_settings_of_epay(changes, problem):
    [found] = EPay().check_config(epay_account(**changes))
    assert problem in found


def test_an_empty_account():
    assert len(EPay().check_config(Account(1, {}, {}))) == 5
    assert len(Xunhupay().check_config(Account(1, {}, {}))) == 2
    assert len(EPay().check_config(Account(1, {"version": "2"}, {}))) == 6


# ── Keys of version 2 ────────────────────────────────────────────────────────


@pytest.fixture
def keyed(merchant_key, platform_key):
    """`keyed(private=…, public=…, previous=…)`: what is found wrong with these keys."""

    def keyed(private=None, public=None, previous=""):
        public = makers.public_pem(platform_key) if public is None else public
        private = makers.private_pem(merchant_key) if private is None else private
        secrets = {"private_key": private, "platform_public_key": public, "previous_platform_public_key": previous}
        return EPay().check_config(replace(epay_account(version="2"), secrets=secrets))

    return keyed


def test_keys_in_every_spelling(keyed, merchant_key, platform_key):
    traditional = makers.private_pem(merchant_key, serialization.PrivateFormat.TraditionalOpenSSL)
    for private in (makers.bare(makers.private_pem(merchant_key)), traditional, makers.bare(traditional)):
        assert keyed(private=private) == []
    public = makers.public_pem(platform_key)
    assert keyed(public=makers.bare(public), previous=public.replace("\n", "\r\n")) == []


def test_keys_that_are_refused(keyed, merchant_key):
    weak = makers.new_key(1024)
    elliptic = ec.generate_private_key(ec.SECP256R1())
    locked = merchant_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    ).decode()
    private, public = "The merchant's private key", "The platform's public key"
    assert keyed(private="") == [f"{private} is missing."]
    assert keyed(public="") == [f"{public} is missing."]
    for unreadable in ("nonsense", locked, makers.private_pem(elliptic), makers.public_pem(merchant_key)):
        assert keyed(private=unreadable) == [f"{private} can't be read."]
    for unreadable in ("nonsense", makers.public_pem(elliptic), makers.private_pem(merchant_key)):
        assert keyed(public=unreadable) == [f"{public} can't be read."]
    assert keyed(private=makers.private_pem(weak)) == [f"{private} has less than 2048 bits."]
    assert keyed(public=makers.public_pem(weak)) == [f"{public} has less than 2048 bits."]
    assert keyed(previous="nonsense") == []
    [found] = keyed(public=makers.public_pem(merchant_key))
    assert "your own" in found


# ── Capabilities ─────────────────────────────────────────────────────────────


def test_what_the_gateways_can_do():
    accounts = [
        (Xunhupay(), xunhupay_account(), RefundSupport.FULL, False),
        (EPay(), epay_account(), RefundSupport.NONE, False),
        (EPay(), epay_account(refund="full"), RefundSupport.FULL, False),
        (EPay(), epay_account(version="2"), RefundSupport.PARTIAL, True),
    ]
    for adapter, account, refund, close in accounts:
        can = adapter.capabilities(account)
        assert (can.currencies, can.confirms, can.query) == ({"CNY"}, False, True)
        assert (can.refund, can.close) == (refund, close)


def test_options_say_which_of_them_are_secret():
    for adapter in (Xunhupay(), EPay()):
        names = [option.name for option in adapter.options]
        assert len(names) == len(set(names))
        secret = {option.name for option in adapter.options if option.secret}
        assert secret == {"secret", "private_key", "platform_public_key"} & set(names)
        assert all(option.label for option in adapter.options)


def test_a_secret_is_not_shown_with_its_account():
    assert SECRET not in repr(xunhupay_account())
