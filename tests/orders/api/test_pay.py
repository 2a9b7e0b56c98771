"""Starting to pay, for both kinds of orders."""

import pytest

from orders.models import Order, PaymentAttempt
from orders.providers.base import Checkout, GatewayRefused, GatewayUnreachable
from tests.orders.api.refusals import refused
from tests.orders.shop import make_account, make_coupon

pytestmark = pytest.mark.django_db
EMAIL = "buyer@example.com"


@pytest.fixture(params=["purchase", "topup"])
def kind(request):
    return request.param


@pytest.fixture
def ordered(kind, request):
    """`ordered()`: the number of a new order of this kind."""
    return request.getfixturevalue({"purchase": "purchase", "topup": "top_up"}[kind])


@pytest.fixture
def path(kind):
    return f"/api/{kind}/pay"


def test_a_page_and_our_own_picture(ordered, path, data, client):
    number = ordered()
    told = data(path, {"orderNo": number, "contactEmail": EMAIL})
    assert set(told) == {"orderNo", "provider", "checkoutUrl", "qrcodeUrl"}
    assert told["orderNo"] == number
    assert told["provider"] == "scripted"
    assert told["checkoutUrl"] == f"https://pay.example/{number}"
    picture = client.get(told["qrcodeUrl"])
    assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/svg+xml")


def test_the_gateways_own_picture(ordered, path, data, gateway):
    gateway.checkout = Checkout("https://pay.example/x", qrcode="https://pay.example/x.png", qrcode_is_image=True)
    told = data(path, {"orderNo": ordered(), "contactEmail": EMAIL})
    assert told["qrcodeUrl"] == "https://pay.example/x.png"


def test_asked_again_it_is_the_same_payment(ordered, path, data, gateway):
    body = {"orderNo": ordered(), "contactEmail": EMAIL}
    assert data(path, body) == data(path, body)
    assert len(gateway.created) == 1


def test_the_provider_that_was_asked_for(ordered, path, data):
    make_account("second")
    number = ordered()
    assert data(path, {"orderNo": number, "contactEmail": EMAIL, "provider": "second"})["provider"] == "second"
    assert data(path, {"orderNo": number, "contactEmail": EMAIL})["provider"] == "scripted"


def test_the_gateway_hears_the_buyers_address(ordered, path, data, gateway):
    data(path, {"orderNo": ordered(), "contactEmail": EMAIL})
    assert gateway.created[0].client_ip == "127.0.0.1"


@pytest.mark.parametrize("status", [s for s in Order.Status.values if s != "pending"])
def test_an_order_that_cannot_be_paid(ordered, kind, path, call, status):
    number = ordered()
    Order.objects.update(status=status)
    answer = call(path, {"orderNo": number, "contactEmail": EMAIL})
    why = {"expired": "has expired", "cancelled": "was cancelled"}.get(status, "needs no payment any more")
    assert why in refused(answer, 400, f"{kind}_pay_failed")


@pytest.mark.parametrize("provider", ["nobody", "free"])
def test_a_provider_that_is_not_offered(ordered, kind, path, call, provider):
    answer = call(path, {"orderNo": ordered(), "contactEmail": EMAIL, "provider": provider})
    refused(answer, 400, f"{kind}_pay_failed")


@pytest.mark.parametrize("error", [GatewayRefused("errcode 500: app secret wrong"), GatewayUnreachable("10.0.0.7")])
def test_what_a_gateway_says_is_not_told(ordered, kind, path, call, gateway, error):
    gateway.checkout = error
    answer = call(path, {"orderNo": ordered(), "contactEmail": EMAIL})
    assert str(error) not in refused(answer, 400, f"{kind}_pay_failed")
    assert Order.objects.get().status == "pending"


def test_by_bank_transfer_one_is_led_to_the_instructions(ordered, kind, path, data, client):
    make_account("bank", provider="manual", secret="", options={"instructions": "IBAN DE00 1234"})
    number = ordered()
    told = data(path, {"orderNo": number, "contactEmail": EMAIL, "provider": "bank"})
    page = client.get(told["checkoutUrl"]).content.decode()
    assert "IBAN DE00 1234" in page
    assert number in page


def test_an_order_of_nothing_is_paid_at_once(top_up, data, settings):
    make_coupon("FREE", off_bps=10_000)
    number = top_up(couponCode="FREE")
    told = data("/api/topup/pay", {"orderNo": number, "contactEmail": EMAIL})
    assert told["provider"] == "free"
    assert told["checkoutUrl"].startswith(f"{settings.SITE_URL}/topup/pay/")
    assert data("/api/topup/query", {"orderNo": number, "contactEmail": EMAIL})["credited"] is True


def test_a_picture_needs_our_signature(ordered, path, data, client):
    address = data(path, {"orderNo": ordered(), "contactEmail": EMAIL})["qrcodeUrl"]
    assert "immutable" in client.get(address).headers["Cache-Control"]
    number = PaymentAttempt.objects.get().number
    for token in (number, f"{number}~", address.rsplit("/", 1)[1].removesuffix(".svg")[:-1] + "-"):
        assert client.get(f"/api/payments/qr/{token}.svg").status_code == 404
