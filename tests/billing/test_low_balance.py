"""The notice of a low balance: one mail when it falls below its owner's mark, the next after credit lifted it above."""

import pytest
from django.core import mail
from django.db.models import F
from django.urls import reverse

from billing.lots import place_hold, settle
from billing.low_balance import send_notices, set_notice
from billing.models import Wallet
from billing.tasks import tell_low_balances
from config.celery import app
from config.hosts import KnownHosts
from config.kernel.errors import InvalidInput
from config.kernel.money import MAX_NANO, usd
from tests.billing.crew import ending
from tests.factories import give, make_hold, make_token, make_user
from tests.tokens.races import at_once
from tokens import sites
from tokens.models import Site

pytestmark = [pytest.mark.money, pytest.mark.django_db]


@pytest.fixture
def lin():
    """Ten dollars, to be told below five."""
    user = make_user("lin@example.com", balance="10", language="zh-hans")
    set_notice(user_id=user.pk, below=usd("5"))
    return user


def spend(user, amount):
    Wallet.objects.filter(user=user).update(balance=F("balance") - usd(amount))


def test_below_the_mark_one_mail_goes_out(lin):
    assert send_notices() == 0
    spend(lin, "5")
    assert send_notices() == 0  # five is not below five
    spend(lin, "0.01")
    assert [send_notices(), send_notices()] == [1, 0]
    (message,) = mail.outbox
    assert message.to == ["lin@example.com"]
    assert "$4.99" in message.subject + message.body
    assert "/wallet" in message.body


def test_the_mail_speaks_for_the_site_where_it_was_asked_for(lin, client_of, settings):
    settings.ALLOWED_HOSTS = KnownHosts(["testserver"])
    settings.SITE_URL, host = "https://console.example.com", "ai.example.com"
    Site.objects.create(host=host, name="Acme AI")
    sites.load()
    answer = client_of(lin).post(reverse("wallet-notice"), {"below": "5"}, headers={"host": host})
    assert answer.status_code in {302, 303}
    spend(lin, "6")
    send_notices()
    (message,) = mail.outbox
    assert message.subject.startswith("Acme AI: ")
    assert message.from_email.startswith("Acme AI <")
    assert "https://ai.example.com/wallet" in message.body
    assert settings.SITE_URL not in message.body
    assert settings.SITE_NAME not in message.body


def test_the_next_mail_goes_out_after_it_was_above_again(lin):
    spend(lin, "6")
    send_notices()
    give(lin, "0.50")
    assert send_notices() == 0
    give(lin, "20")
    spend(lin, "20")
    assert send_notices() == 1
    assert len(mail.outbox) == 2


def test_requests_that_come_and_go_near_the_mark_mail_once(lin):
    spend(lin, "4.95")
    token = make_token(lin)
    for _ in range(3):
        hold = make_hold(token, amount="0.10")
        place_hold(hold)
        send_notices()
        settle(ending(hold.id, tokens=1))
        send_notices()
    assert len(mail.outbox) == 1


def test_whoever_is_below_already_is_told_after_they_were_above(lin):
    spend(lin, "8")
    set_notice(user_id=lin.pk, below=usd("3"))
    assert send_notices() == 0
    give(lin, "5")
    spend(lin, "5")
    assert send_notices() == 1


def test_nobody_is_told_without_a_mark(lin):
    set_notice(user_id=lin.pk, below=None)
    spend(lin, "10")
    assert send_notices() == 0
    assert Wallet.objects.get(user=lin).notify_below is None


def test_suspended_accounts_get_no_mail(lin):
    type(lin).objects.update(is_active=False)
    spend(lin, "9")
    assert send_notices() == 0


@pytest.mark.parametrize("below", [0, -1, MAX_NANO + 1])
def test_impossible_marks_are_refused(lin, below):
    with pytest.raises(InvalidInput):
        set_notice(user_id=lin.pk, below=below)
    assert Wallet.objects.get(user=lin).notify_below == usd("5")


def test_a_mail_that_fails_is_sent_by_the_next_turn(lin, settings):
    spend(lin, "9")
    settings.EMAIL_BACKEND = "tests.billing.test_low_balance.Broken"
    assert send_notices() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert send_notices() == 1


class Broken:
    """A mail back-end whose server is away."""

    def __init__(self, **_options):
        raise OSError("no server")


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_send_one_mail(lin):
    spend(lin, "9")
    at_once(*[send_notices] * 8)
    assert len(mail.outbox) == 1


def test_the_clock_calls_it():
    entry = app.conf.beat_schedule["tell of low balances"]
    assert (entry["task"], entry["options"]["queue"]) == (tell_low_balances.name, "mail")
