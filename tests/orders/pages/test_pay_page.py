"""The pay page: what can be done with an order at each moment of its life."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from orders.access import page_token, page_url, pay_url
from orders.delivering import deliver
from orders.models import Delivery, Order, Payment, PaymentAttempt
from orders.payments.polling import take_in
from orders.payments.settling import Received, Verdict, settle
from orders.providers.base import Checkout, GatewayUnreachable, Money
from tests.orders.shop import make_account, order_purchase, order_top_up, pay

pytestmark = pytest.mark.django_db


def act(client, order, name, **data):
    return client.post(f"/pay/{page_token(order)}/{name}", data, follow=True)


def moved(order, **columns):
    Order.objects.filter(pk=order.pk).update(**columns)
    return order


def test_the_address_of_the_site_api_loses_its_email(client, order):
    response = client.get(pay_url(order))
    assert (response.status_code, response["Location"]) == (303, page_url(order))
    assert "example.com" not in response["Location"]


@pytest.mark.parametrize(
    "query", ["orderNo={number}&contactEmail=eve@example.com", "orderNo=BUY1&contactEmail=bob@example.com", ""]
)
def test_a_wrong_pair_shows_the_look_up_form(client, order, query):
    response = client.get("/pricing/pay?" + query.format(number=order.number))
    assert response.status_code == 404
    assert "Find the order" in response.content.decode()


def test_the_page_is_kept_to_itself(client, order):
    for response in (client.get(page_url(order)), client.get(pay_url(order)), client.get("/topup")):
        assert response["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response["Cache-Control"]


def test_the_email_is_masked(page_of, order):
    page = page_of(order)
    assert "b•••@example.com" in page
    assert "bob@example.com" not in page


@pytest.mark.parametrize("token", ["nothing", "BUY202604060930K7QF~forged"])
def test_a_forged_address_is_nothing(client, order, token):
    assert client.get(f"/pricing/pay/{token}").status_code == 404
    assert client.get(f"/pay/{token}/status").status_code == 404
    assert client.post(f"/pay/{token}/key").status_code == 404


def test_an_order_has_one_address(client, order):
    assert client.get(page_url(order).replace("/pricing/", "/topup/")).status_code == 404


def test_choosing_a_provider_opens_a_payment_that_survives_a_reload(client, order, page_of):
    assert "How would you like to pay?" in page_of(order)
    response = client.post(page_url(order), {"provider": "scripted"})
    assert response.status_code == 303
    for _ in range(2):
        page = client.get(response["Location"]).content.decode()
        assert f'href="https://pay.example/{order.number}"' in page
        assert 'rel="noopener noreferrer"' in page
    assert PaymentAttempt.objects.count() == 1


def test_the_provider_chosen_last_is_shown(client, order, page_of):
    make_account("other")
    for slug in ("scripted", "other", "scripted"):
        page = client.post(page_url(order), {"provider": slug}, follow=True).content.decode()
        shown = PaymentAttempt.objects.get(account__slug=slug)
        assert f'href="{shown.checkout_url}"' in page


def test_a_text_is_drawn_as_a_code(client, order, gateway, page_of):
    gateway.checkout = Checkout("https://pay.example/x", qrcode="weixin://wxpay/bizpayurl?pr=abc")
    pay(order)
    page = page_of(order)
    assert 'class="qr" src="data:image/svg+xml;base64,' in page
    assert "weixin:" not in page


def test_a_picture_of_the_gateway_is_allowed_by_the_policy_of_this_page_alone(client, order, gateway):
    gateway.checkout = Checkout(
        "https://pay.example/x", qrcode="https://img.pay.example/qr/1.png", qrcode_is_image=True
    )
    pay(order)
    response = client.get(page_url(order))
    assert 'src="https://img.pay.example/qr/1.png"' in response.content.decode()
    assert "img-src 'self' data: https://img.pay.example;" in response["Content-Security-Policy"] + ";"
    assert "img.pay.example" not in client.get("/pricing")["Content-Security-Policy"]


def test_some_gateways_have_a_code_and_no_page(page_of, order, gateway):
    gateway.checkout = Checkout("", qrcode="weixin://wxpay/bizpayurl?pr=abc")
    pay(order)
    page = page_of(order)
    assert 'class="qr"' in page
    assert "Open the payment page" not in page


def test_instructions_take_the_place_of_a_payment_page(client, order, page_of):
    make_account("bank", options={"instructions": "IBAN <1234>"})
    page = client.post(page_url(order), {"provider": "bank"}, follow=True).content.decode()
    assert "IBAN &lt;1234&gt;" in page
    assert "Open the payment page" not in page


def test_a_gateway_that_is_away_is_told_and_can_be_tried_again(client, order, gateway):
    gateway.checkout = GatewayUnreachable("away")
    page = client.post(page_url(order), {"provider": "scripted"}).content.decode()
    assert "can&#x27;t be reached" in page
    gateway.checkout = None
    assert (
        "Open the payment page" in client.post(page_url(order), {"provider": "scripted"}, follow=True).content.decode()
    )


def test_nobody_sells_at_the_moment(page_of, order, shop):
    shop.is_enabled = False
    shop.save()
    assert "There is no way to pay at the moment" in page_of(order)


# ── News ─────────────────────────────────────────────────────────────────────


def test_status_answers_only_what_is_new(client, order, gateway):
    address = f"/pay/{page_token(order)}/status"
    first = client.get(address, {"seen": "nothing"})
    version = first.content.decode().split('data-version="')[1].split('"')[0]
    assert client.get(address, {"seen": version}).status_code == 204
    pay(order)
    second = client.get(address, {"seen": version})
    assert second.status_code == 200
    assert "Open the payment page" in second.content.decode()
    assert "<html" not in second.content.decode()


def test_check_now_asks_the_gateway(client, order, gateway):
    attempt = pay(order)
    assert "No payment has arrived yet" in act(client, order, "check").content.decode()
    gateway.pays(attempt)
    assert "Paid. Thank you!" in act(client, order, "check").content.decode()


def test_check_now_asks_no_more_than_is_good(client, order, gateway, settings):
    settings.API_RATE_LIMITS = settings.API_RATE_LIMITS | {"check": 1}
    attempt = pay(order)
    act(client, order, "check")
    gateway.pays(attempt)
    act(client, order, "check")
    order.refresh_from_db()
    assert order.status == Order.Status.PENDING


def test_cancel(client, order, page_of):
    assert "This order was cancelled" in act(client, order, "cancel").content.decode()
    assert 'href="/pricing/buy/starter"' in page_of(order)


def test_a_paid_order_is_not_cancelled(client, paid):
    assert "be cancelled any more" in act(client, paid, "cancel").content.decode()
    paid.refresh_from_db()
    assert paid.status == Order.Status.PAID


# ── Ends ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("expired", "This order has expired"),
        ("cancelled", "This order was cancelled"),
        ("review", "We are looking at your payment"),
        ("refund_pending", "Your refund is under way"),
        ("partially_refunded", "¥5.00 of ¥20.00 went back"),
        ("refunded", "Paid back"),
        ("credited", "Paid. Thank you!"),
    ],
)
def test_every_end_is_told(order, page_of, status, words):
    assert words in page_of(moved(order, status=status, refunded_minor=500))


def test_an_expired_order_is_watched_for_money_that_comes_late(order, gateway, page_of):
    attempt = pay(order)
    seen = page_of(moved(order, status="expired", expires_at=timezone.now()))
    assert "data-pay-status" in seen
    gateway.pays(attempt)
    take_in(attempt)
    assert "Paid. Thank you!" in page_of(order)


def test_who_has_paid_twice_reads_that_it_was_noticed(delivered, page_of):
    said = "This order was paid more than once."
    assert said not in page_of(delivered)
    attempt = PaymentAttempt.objects.select_related("order", "account").get()
    received = Received("another", Money(attempt.amount_minor, attempt.currency), timezone.now())
    assert settle(attempt, received) is Verdict.OVERPAID
    assert said in page_of(delivered)
    Payment.objects.filter(txn_id="another").update(refunded_minor=attempt.amount_minor)
    assert said not in page_of(delivered)


def test_when_the_time_is_over_the_gateway_is_asked_once_more(order, page_of):
    page = page_of(moved(order, expires_at=timezone.now() - timedelta(seconds=1)))
    assert "one last time" in page
    assert "Open the payment page" not in page


def test_a_top_up_looks_for_its_mail_until_that_is_sent(shop, gateway, page_of):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt)
    take_in(attempt)
    assert "data-pay-status" in page_of(order)
    deliver(Delivery.objects.select_related("order", "token").get())
    assert "data-pay-status" not in page_of(order)


def test_a_top_up_is_told_as_one(shop, page_of):
    order = order_top_up()
    page = page_of(moved(order, status="credited"))
    assert "was added for the key" in page
    assert "Show my key" not in page
    assert 'href="/topup?package=topup_100"' in page_of(moved(order, status="expired"))


def test_what_went_off_sale_cannot_be_ordered_again(order, page_of):
    order.package.is_active = False
    order.package.save()
    assert "See what is on sale" in page_of(moved(order, status="expired"))


# ── The mail ─────────────────────────────────────────────────────────────────


def test_the_mail_is_sent_again(client, delivered):
    mail.outbox.clear()
    assert "on its way again" in act(client, delivered, "resend").content.decode()
    [message] = mail.outbox
    assert message.to == ["bob@example.com"]
    assert page_url(delivered) in message.body
    assert "¥20.00" in message.body


def test_the_mail_is_not_sent_again_and_again(client, delivered):
    mail.outbox.clear()
    for _ in range(3):
        act(client, delivered, "resend")
    assert len(mail.outbox) == 1


def test_there_is_no_mail_before_the_payment(client, order):
    assert client.post(f"/pay/{page_token(order)}/resend").status_code == 404


# ── Coming back ──────────────────────────────────────────────────────────────


def test_coming_back_from_the_gateway(client, order, page_of):
    page_of(order)
    assert client.get(f"/pay/return/{order.number}")["Location"] == page_url(order)


def test_coming_back_in_another_browser(client, order):
    response = client.get(f"/pay/return/{order.number}")
    assert response.status_code == 200
    page = response.content.decode()
    assert f'value="{order.number}"' in page
    assert "bob@" not in page
    assert page_token(order) not in page


def test_a_browser_remembers_twenty_orders(client, shop, page_of):
    orders = [order_purchase() for _ in range(21)]
    for order in orders:
        page_of(order)
    assert "Location" not in client.get(f"/pay/return/{orders[0].number}")
    assert client.get(f"/pay/return/{orders[1].number}")["Location"] == page_url(orders[1])
