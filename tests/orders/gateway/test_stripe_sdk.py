"""Stripe's own SDK against the gateway: requests, objects, errors and signatures as it knows them."""

import pytest
import stripe


@pytest.fixture
def client(gateway):
    addresses = {"api": gateway.url}
    return stripe.StripeClient(gateway.merchant("stripe")["key"], base_addresses=addresses, max_network_retries=0)


def create(client, shop, key="attempt:1", amount=29900):
    params = {
        "mode": "payment",
        "client_reference_id": "TOP1",
        "success_url": shop.return_url,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {"currency": "cny", "unit_amount": amount, "product_data": {"name": "starter plan"}},
            }
        ],
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": False,
        "metadata": {"order_no": "ORDER1"},
    }
    return client.v1.checkout.sessions.create(params=params, options={"idempotency_key": key})


def test_pay_refund_and_read(client, gateway, shop):
    session = create(client, shop)
    gateway.control(f"/payments/{session.id}/pay")

    read = client.v1.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent.latest_charge"]})
    refund = client.v1.refunds.create(params={"payment_intent": read.payment_intent.id, "amount": 100})

    assert (read.payment_status, read.payment_intent.latest_charge.amount) == ("paid", 29900)
    assert (refund.status, refund.amount) == ("succeeded", 100)
    assert client.v1.refunds.list(params={"payment_intent": read.payment_intent.id}).data[0].id == refund.id


def test_it_knows_the_errors(client, gateway, shop):
    create(client, shop)

    with pytest.raises(stripe.IdempotencyError):
        create(client, shop, amount=1)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.retrieve("cs_test_other")
    stranger = stripe.StripeClient("sk_test_x", base_addresses={"api": gateway.url}, max_network_retries=0)
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.refunds.retrieve("re_1")


def test_it_verifies_the_events(calls, gateway, shop):
    calls.pay(calls.stripe_create().json()["url"])
    (told,) = shop.wait_for()
    secret = gateway.merchant("stripe")["webhook_secret"]

    event = stripe.Webhook.construct_event(told.body, told.headers["stripe-signature"], secret)

    assert event.type == "checkout.session.completed"
    assert event.data.object.client_reference_id == "TOP1"
