"""Calls as such: limits, redirects, answers that are none, and what reaches a log or an error."""

import logging
import time
import traceback

import pytest

from orders.providers import calling
from orders.providers.base import GatewayRefused, GatewayUnreachable
from orders.providers.calling import ask, means_unknown, quoted, scalars, text
from orders.providers.epay import EPay
from orders.providers.xunhupay import Xunhupay
from tests.orders.providers.makers import KEY, charge, epay_account, refund_call, xunhupay_account
from tests.orders.providers.site import says

PAGE = "/page"


def test_an_answer(site):
    site.answers[PAGE] = '\ufeff{"a": 1, "b": 2.50, "c": "元", "d": null, "e": true, "f": [1], "g": {}}'.encode()
    answer = ask(site.base + PAGE, query={"x": "1 2"}, form={"y": "元&="})
    assert scalars(answer) == {"a": "1", "b": "2.50", "c": "元"}
    assert [text(answer, name) for name in "abcdefgh"] == ["1", "2.50", "元", "", "", "", "", ""]
    asked = site.last()
    assert (asked.method, asked.query, asked.form) == ("POST", {"x": "1 2"}, {"y": "元&="})
    ask(site.base + PAGE, query={"x": "1"})
    assert (site.last().method, site.last().query) == ("GET", {"x": "1"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502</body></html>",
        b"success",
        b'{"a": 1',
        b'{"a": 1} trailing',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b"[1]",
        b'"a"',
        b"null",
        b"1" * 5000,
        b'{"a":' * 20_000,
    ],
)
def test_answers_that_are_no_json_object(site, body):
    site.answers[PAGE] = body
    with pytest.raises(GatewayUnreachable, match="no JSON"):
        ask(site.base + PAGE)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, GatewayRefused),
        (302, GatewayRefused),
        (307, GatewayRefused),
        (400, GatewayRefused),
        (403, GatewayRefused),
        (404, GatewayRefused),
        (429, GatewayUnreachable),
        (500, GatewayUnreachable),
        (502, GatewayUnreachable),
        (204, GatewayUnreachable),
    ],
)
def test_other_statuses(site, status, error):
    site.answers |= {
        PAGE: says({"errcode": 0}, status=status, headers=[("Location", site.base + "/elsewhere")]),
        "/elsewhere": {"errcode": 0},
    }
    with pytest.raises(error, match=str(status)):
        ask(site.base + PAGE, form={})
    assert [asked.path for asked in site.asked] == [PAGE]


def test_an_answer_that_is_too_large(site):
    site.answers[PAGE] = b'{"a": "' + b"x" * calling.MAX_ANSWER_BYTES + b'"}'
    with pytest.raises(GatewayUnreachable, match="too large"):
        ask(site.base + PAGE)


def test_an_answer_that_says_it_is_larger_than_it_is(site):
    def half(asked, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"a": 1}')
        handler.close_connection = True

    site.answers[PAGE] = half
    with pytest.raises(GatewayUnreachable):
        ask(site.base + PAGE)


def test_silence(site, impatient):
    site.answers[PAGE] = lambda asked, handler: time.sleep(1.5)
    with pytest.raises(GatewayUnreachable, match="ReadTimeout"):
        ask(site.base + PAGE)


def test_an_answer_that_drips(site, impatient):
    def drip(asked, handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    site.answers[PAGE] = drip
    with pytest.raises(GatewayUnreachable, match="in time"):
        ask(site.base + PAGE)


def test_nobody_there(site, settings):
    settings.EGRESS_ALLOW = ["127.0.0.1:1"]
    with pytest.raises(GatewayUnreachable, match="ConnectionError"):
        ask("http://127.0.0.1:1/page")


def test_where_nothing_may_be_sent(site, settings):
    settings.EGRESS_ALLOW = []
    with pytest.raises(GatewayRefused, match="EGRESS_ALLOW"):
        ask(site.base + PAGE)
    assert site.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        says(b"", status=500),
        says(b"", status=404),
        says(b"", status=302, headers=[("Location", "https://evil.example/")]),
        says({}, headers=[(" broken header", "x")]),
        {"code": -1, "msg": "no"},
    ],
)
def test_no_key_gets_into_a_log_or_an_error(site, caplog, answer):
    """EPay's query has the merchant's key in its address."""
    caplog.set_level(logging.DEBUG)
    site.answers["/api.php"] = answer
    with pytest.raises((GatewayRefused, GatewayUnreachable)) as refused:
        EPay().query(epay_account(site.base, live=False), reference="A1", provider_ref="")
    assert KEY in site.last().raw
    assert KEY not in caplog.text + "".join(traceback.format_exception(refused.value))


def test_no_key_gets_into_the_error_of_a_lost_connection(site, caplog, impatient):
    caplog.set_level(logging.DEBUG)
    site.answers["/api.php"] = lambda asked, handler: time.sleep(1)
    with pytest.raises(GatewayUnreachable) as refused:
        EPay().query(epay_account(site.base, live=False), reference="A1", provider_ref="")
    assert KEY not in caplog.text + "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("answer", [b"<html>", says(b"", status=502), b"x" * 300_000])
def test_every_call_of_an_adapter_ends_in_such_an_error(site, answer):
    for page in ("do", "query", "refund"):
        site.answers[f"/payment/{page}.html"] = answer
    adapter, account = Xunhupay(), xunhupay_account(site.base, live=False)
    with pytest.raises(GatewayUnreachable):
        adapter.create(account, charge())
    with pytest.raises(GatewayUnreachable):
        adapter.query(account, reference="A1", provider_ref="")
    with pytest.raises(GatewayUnreachable):
        adapter.refund(account, refund_call())


def test_words_of_a_gateway():
    assert quoted("a\r\nb\x1b[0m  c") == "a b [0m c"
    assert quoted("") == "no reason given"
    assert len(quoted("x" * 5000)) == 200
    assert all(means_unknown(words) for words in ("订单不存在", "Order NOT FOUND", "order does not exist"))
    assert not any(means_unknown(words) for words in ("签名错误", "", "sign error"))
