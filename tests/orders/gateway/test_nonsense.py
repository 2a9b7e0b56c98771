"""Nonsense is refused; the gateway itself never fails."""

import pytest

FORM = "application/x-www-form-urlencoded"
CALLS = (
    "/payment/do.html",
    "/payment/query.html",
    "/payment/refund.html",
    "/mapi.php",
    "/submit.php",
    "/api.php?act=refund",
    "/api/pay/create",
    "/api/pay/refundquery",
    "/v1/checkout/sessions",
    "/v1/refunds",
)
BODIES = (
    b"",
    b"\xff\xfe",
    b"pid=1001&pid=1001",
    b"appid=201900000001&hash=%E4%BD%A0",
    b"pid=1002&sign=%E4%BD%A0&timestamp=now",
    b"mode=payment&line_items=1",
    b"mode=payment&line_items[0]=1",
    b"mode=payment&line_items[0][price_data]=1&line_items[0][price_data][currency]=cny",
    b"mode=payment&line_items[x][quantity]=1&success_url=http://localhost",
    b"[]=1&a[=2&]=3",
    b"payment_intent[x]=1",
    b"expand[][]=a&expand=b",
)


@pytest.mark.parametrize("path", CALLS)
def test_it_refuses(calls, gateway, path):
    for body in BODIES:
        for kind in (FORM, "application/json"):
            answer = gateway.request("POST", path, body, {"Content-Type": kind, "Authorization": calls.bearer})

            assert 200 <= answer.status < 500, (body, answer.text)
            assert answer.json().get("errcode", answer.json().get("code", 500)) not in (0, 1)
    assert gateway.get("/control/payments").json()["payments"] == []


def test_a_body_too_big_is_not_read(gateway):
    answer = gateway.request("POST", "/mapi.php", b"x" * (1 << 20) + b"x", {"Content-Type": FORM})

    assert answer.status == 413
