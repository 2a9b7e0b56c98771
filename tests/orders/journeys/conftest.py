"""The whole way of money: our adapters, the local gateway in a process of its own, its reports to a live server."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from billing.proof import check_books
from orders.demo import set_up_accounts
from orders.models import PaymentAttempt, ProviderAccount, WebhookEvent
from orders.payments import processing
from tests.orders.gateway.server import running_gateway
from tests.orders.shop import make_package

SLUGS = ("xunhupay", "epay", "epay2", "stripe")


@pytest.fixture(scope="package")
def merchants_file(tmp_path_factory):
    return tmp_path_factory.mktemp("gateway") / "merchants.json"


@pytest.fixture(scope="package")
def running(merchants_file):
    with running_gateway("--merchants", str(merchants_file), "--retry-after", "0.2") as gateway:
        yield gateway


@pytest.fixture
def gateway(running):
    running.control("/reset")
    running.request("DELETE", "/control/faults")
    return running


class Till:
    """A shop with an account at the gateway for every protocol."""

    def __init__(self, gateway):
        self.gateway = gateway

    def account(self, slug):
        return ProviderAccount.objects.get(slug=slug)

    def payment(self, attempt):
        """What the gateway has of it."""
        return self.gateway.payment(attempt.number)

    def control(self, attempt, deed, **values):
        return self.gateway.control(f"/payments/{self.payment(attempt)['id']}/{deed}", **values)

    def faulty(self, **fault):
        self.gateway.control("/faults", **fault)

    def wait_for_reports(self, count):
        """Until so many are stored, then work on them."""
        deadline = time.monotonic() + 30
        while WebhookEvent.objects.count() < count:
            assert time.monotonic() < deadline, f"{WebhookEvent.objects.count()} of {count} reports came"
            time.sleep(0.05)
        self.work_off()

    def work_off(self):
        WebhookEvent.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
        for event_id in processing.due_events():
            processing.process_event(event_id)

    def make_due(self):
        PaymentAttempt.objects.update(next_poll_at=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def till(transactional_db, live_server, gateway, merchants_file, settings):
    settings.DEMO = True
    settings.SITE_URL = live_server.url
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    set_up_accounts(gateway_url=gateway.url, merchants_file=merchants_file)
    stripe = gateway.merchant("stripe")
    gateway.control(
        f"/merchants/{stripe['name'].replace(' ', '%20')}", webhook_url=f"{live_server.url}/api/payments/stripe/notify"
    )
    make_package("topup_100", kind="top_up")
    make_package("starter", kind="first_purchase", price_minor=2000)
    yield Till(gateway)
    assert check_books() == []
    connection.close()
