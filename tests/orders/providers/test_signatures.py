"""Signed texts and hashes: worked examples, and spellings that are wrong."""

from hashlib import md5

import pytest

from orders.providers.signing import (
    is_md5_signature,
    is_rsa_signature,
    md5_signature,
    private_key,
    public_key,
    rsa_signature,
    secret_problem,
    signed_text,
)
from tests.orders.providers.makers import EPAY_PAID, KEY, OLD, SECRET, XUNHUPAY_PAID, bare, private_pem, public_pem

XUNHUPAY = [
    (
        {
            "version": "1.1",
            "appid": "201906123456",
            "nonce_str": "n0nce0001",
            "notify_url": "https://shop.example/api/webhooks/xunhupay",
            "return_url": "https://shop.example/pricing/pay",
            "time": "1775467800",
            "title": "starter plan",
            "total_fee": "299.00",
            "trade_order_id": "BUY202604060930ABCD",
            "attach": "",
        },
        "aaa4e95eabef9c7fc9e3b44468b5ab3e",
    ),
    (XUNHUPAY_PAID, "3cd8ffe26c28151045a945f9cb6d503f"),
    (
        {
            "appid": "201906123456",
            "nonce_str": "n0nce0002",
            "out_trade_order": "BUY202604060930ABCD",
            "time": "1775467900",
        },
        "350f193ed72a5a13c31f5360bef25a6e",
    ),
    ({"appid": "1", "title": "20 元首购套餐", "total_fee": "20.00"}, "2cf012d36999b8cc2f981e4303d43e78"),
]
EPAY = [
    (
        {
            "money": "90.00",
            "name": "topup_100",
            "notify_url": "https://shop.example/api/webhooks/epay",
            "out_trade_no": "TOP202604060935WXYZ",
            "pid": "1001",
            "return_url": "https://shop.example/topup/pay",
            "type": "alipay",
        },
        "2392e71760b556f7d449ce12142882e4",
    ),
    (EPAY_PAID, "5a303538afc5571cbf42a4e48c409587"),
]


@pytest.mark.parametrize(("fields", "expected"), XUNHUPAY, ids=["create", "notify", "query", "utf-8"])
def test_xunhupay_hashes(fields, expected):
    text = signed_text(fields | {"hash": "whatever"}, without={"hash"})
    assert md5_signature(text, SECRET) == expected
    assert is_md5_signature(expected, text, [SECRET])


@pytest.mark.parametrize(("fields", "expected"), EPAY, ids=["request", "notify"])
def test_epay_signatures(fields, expected):
    text = signed_text(fields | {"sign": "whatever", "sign_type": "MD5", "param": ""}, without={"sign", "sign_type"})
    assert md5_signature(text, KEY) == expected
    assert is_md5_signature(expected, text, [KEY])


def test_names_are_sorted_by_byte():
    assert signed_text({"b": "2", "a_": "1", "aa": "3", "B": "4"}, without=()) == "B=4&a_=1&aa=3&b=2"


def test_wrong_spellings_of_a_hash():
    text = signed_text(XUNHUPAY_PAID, without={"hash"})
    right = md5_signature(text, SECRET)
    with_a_name = md5((text + "&appsecret=" + SECRET).encode()).hexdigest()
    wrong = [
        right.upper(),
        right + " ",
        " " + right,
        right + "\n",
        right[:-1],
        "",
        "é" * 32,
        "١" * 32,
        with_a_name,
        with_a_name.upper(),
        md5((text + "&key=" + SECRET).encode()).hexdigest(),
        md5(text.encode()).hexdigest(),
    ]
    assert [given for given in wrong if is_md5_signature(given, text, [SECRET])] == []


def test_without_a_secret_nothing_is_genuine():
    assert not is_md5_signature(md5(b"a=1").hexdigest(), "a=1", [])
    assert not is_md5_signature(md5(b"a=1").hexdigest(), "a=1", [""])


def test_either_of_two_secrets_will_do():
    assert is_md5_signature(md5_signature("a=1", OLD), "a=1", [SECRET, OLD])
    assert not is_md5_signature(md5_signature("a=1", "a third secret of somebody"), "a=1", [SECRET, OLD])


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("", "missing"),
        ("123456789abcdef", "shorter than 16"),
        ("6D7B025B8DD098C485F0805193136FB9", "sample"),
        ("6d7b025b8dd098c485f0805193136fb9", "sample"),
        ("89unJUB8HZ54Hj7x4nUj56HN4nUzUJ8i", "sample"),
        ("x" * 32, "guessed"),
        ("abcd" * 8, "guessed"),
    ],
)
def test_secrets_that_are_refused(secret, problem):
    assert problem in secret_problem(secret)


def test_proper_secrets():
    assert [secret_problem(secret) for secret in (SECRET, KEY, OLD)] == ["", "", ""]


def test_rsa_round_trip_in_every_spelling_of_the_keys(merchant_key):
    pem, public = private_pem(merchant_key), public_pem(merchant_key)
    for private in (pem, bare(pem), pem.replace("\n", " ")):
        signature = rsa_signature("a=1&b=元", private_key(private))
        for spelling in (public, bare(public)):
            assert is_rsa_signature(signature, "a=1&b=元", [public_key(spelling)])
            assert not is_rsa_signature(signature, "a=1&b=圆", [public_key(spelling)])


def test_rsa_refuses_the_key_of_somebody_else(merchant_key, platform_key):
    signature = rsa_signature("a=1", merchant_key)
    assert not is_rsa_signature(signature, "a=1", [platform_key.public_key()])
    assert is_rsa_signature(signature, "a=1", [platform_key.public_key(), merchant_key.public_key()])
    assert not is_rsa_signature(signature, "a=1", [])


@pytest.mark.parametrize("given", ["", "not base64!", "é", "AAAA", " "])
def test_rsa_refuses_what_is_no_signature(given, merchant_key):
    assert not is_rsa_signature(given, "a=1", [merchant_key.public_key()])


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PRIVATE KEY-----", "AAAA", "é"])
def test_texts_that_are_no_keys(text):
    for read in (private_key, public_key):
        with pytest.raises(ValueError, match="no RSA key"):
            read(text)
