"""Payment accounts: the provider's own settings, secrets that never come out, and a test that says what is wrong."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.urls import reverse

from orders.models import ProviderAccount
from orders.payments.accounts import open_secrets
from orders.payments.selftest import self_test
from orders.providers.base import GatewayRefused, Option, PaymentState, PaymentStatus
from tests.factories import make_user
from tests.orders.shop import make_account
from tests.pages.admin_rows import list_url, page_url

pytestmark = pytest.mark.django_db
NAME = "orders_provideraccount"
SECRET = "Wq7-not-on-any-page-2Kd"


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


@pytest.fixture
def account(gateway):
    gateway.options = (Option("appid", "App id"), Option("secret", "App secret", secret=True))
    return make_account("main", secret=SECRET, options={"appid": "4711"})


def form_of(account, **typed):
    return {
        "name": account.name,
        "is_enabled": "on",
        "is_live": "on",
        "sort_order": "10",
        "option_appid": account.options.get("appid", ""),
        "secret_secret": "",
        **typed,
    }


def save(staff, account, **typed):
    return staff.post(page_url(NAME, account), form_of(account, **typed), follow=True).content.decode()


def test_a_new_account_is_asked_for_its_providers_settings_and_offered_once_they_are_right(staff):
    first = {"provider": "xunhupay", "slug": "wechat", "name": "WeChat Pay", "is_live": "on"}
    html = staff.post(reverse(f"admin:{NAME}_add"), first, follow=True).content.decode()
    row = ProviderAccount.objects.get()
    assert not row.is_enabled
    assert 'name="option_appid"' in html
    assert 'type="password" name="secret_secret"' in html
    assert "/api/payments/wechat/notify" in html
    typed = {"name": "WeChat Pay", "is_enabled": "on", "is_live": "on", "sort_order": "1"}
    html = staff.post(page_url(NAME, row), typed, follow=True).content.decode()
    assert "is missing" in html
    staff.post(page_url(NAME, row), typed | {"option_appid": "201906", "secret_secret": SECRET})
    row.refresh_from_db()
    assert (row.is_enabled, row.options, open_secrets(row)) == (True, {"appid": "201906"}, {"secret": SECRET})


def test_an_empty_secret_keeps_the_stored_one_and_another_replaces_it(staff, account):
    save(staff, account, name="Renamed")
    account.refresh_from_db()
    assert (account.name, open_secrets(account)) == ("Renamed", {"secret": SECRET})
    save(staff, account, secret_secret="Another-9Xc-secret")
    account.refresh_from_db()
    assert open_secrets(account) == {"secret": "Another-9Xc-secret", "previous_secret": SECRET}
    assert account.rotated_at is not None


def test_no_page_ever_holds_a_secret(staff, account):
    pages = [save(staff, account, secret_secret=SECRET + "2", option_appid="x" * 3000)]
    pages += [staff.get(url).content.decode() for url in (page_url(NAME, account), list_url(NAME))]
    assert not [html for html in pages if SECRET in html]


def test_what_does_not_work_is_said_and_saved_only_as_a_draft(staff, gateway):
    account = make_account("main", secret="")
    assert "The secret is missing." in staff.get(list_url(NAME)).content.decode()
    assert "The secret is missing." in staff.get(page_url(NAME, account)).content.decode()
    assert "Mend this" in save(staff, account, name="Draft")
    draft = {"name": "Draft", "is_live": "on", "sort_order": "10"}
    staff.post(page_url(NAME, account), draft)
    account.refresh_from_db()
    assert (account.name, account.is_enabled) == ("Draft", False)


def test_secrets_that_do_not_open_any_more_are_entered_again(staff, account):
    ProviderAccount.objects.filter(pk=account.pk).update(secrets_sealed=b"broken")
    account.refresh_from_db()
    assert "opened" in staff.get(page_url(NAME, account)).content.decode()
    save(staff, account, secret_secret=SECRET)
    account.refresh_from_db()
    assert open_secrets(account) == {"secret": SECRET}


def test_accounts_are_switched_off_and_on_but_not_deleted(staff, account):
    broken = make_account("broken", secret="", is_enabled=False)
    both = [account.pk, broken.pk]
    staff.post(list_url(NAME), {"action": "disable", "_selected_action": both})
    assert not ProviderAccount.objects.filter(is_enabled=True).exists()
    staff.post(list_url(NAME), {"action": "enable", "_selected_action": both})
    assert [row.slug for row in ProviderAccount.objects.filter(is_enabled=True)] == ["main"]
    assert staff.post(reverse(f"admin:{NAME}_delete", args=[account.pk]), {"post": "yes"}).status_code == 403


def test_whoever_may_only_look_changes_nothing_and_sends_nothing(account, client_of):
    dave = make_user("dave@example.com", is_staff=True)
    assert client_of(dave).post(page_url(NAME, account), form_of(account, name="Mine")).status_code == 403
    assert client_of(dave).post(reverse(f"admin:{NAME}_test", args=[account.pk])).status_code == 403


# ── The test ─────────────────────────────────────────────────────────────────


@pytest.fixture
def front(db, settings):
    """A web server at SITE_URL that answers as it is told: `front.answer = (status, body, headers)`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            status, body, headers = self.server.answer
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answer = [], (400, b"fail", {})
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    settings.SITE_URL = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def unknowing(gateway, monkeypatch):
    """A gateway that knows no number."""
    monkeypatch.setattr(gateway, "query", lambda account, **names: PaymentState(PaymentStatus.UNKNOWN))
    return gateway


def test_all_is_well_where_our_own_refusal_comes_back(staff, account, front, unknowing):
    answer = staff.post(reverse(f"admin:{NAME}_test", args=[account.pk]))
    assert [finding.is_good for finding in answer.context["findings"]] == [True, True, True]
    assert [path for path, _body in front.asked] == ["/api/payments/main/notify"]


def test_opening_the_page_of_the_test_sends_nothing(staff, account, front):
    assert staff.get(reverse(f"admin:{NAME}_test", args=[account.pk])).status_code == 200
    assert front.asked == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, b"not found", {}), "is not found"),
        ((301, b"", {"Location": "https://www.example.com/"}), "redirects to https://www.example.com/"),
        ((403, b"blocked", {}), "let /api/payments/ through"),
        ((502, b"bad gateway", {}), "failed (status 502)"),
        ((200, b"welcome", {}), "Something else answers"),
        ((400, b"<h1>Bad request</h1>", {}), "Something else answers"),
    ],
)
def test_what_stands_between_a_gateway_and_us_is_told_apart(account, front, unknowing, answer, words):
    front.answer = answer
    finding = self_test(account)[1]
    assert not finding.is_good
    assert words in finding.words


def test_nothing_at_our_own_address(account, unknowing, front, settings):
    front.shutdown()
    front.server_close()
    assert "Nothing answers at SITE_URL" in self_test(account)[1].words
    settings.EGRESS_ALLOW = []
    assert "is no public address" in self_test(account)[1].words


def test_a_gateway_that_refuses_the_credentials_and_one_that_says_yes_to_all(account, front, gateway, monkeypatch):
    def refuse(account, **names):
        raise GatewayRefused("wrong hash")

    monkeypatch.setattr(gateway, "query", refuse)
    assert "wrong hash" in self_test(account)[2].words
    monkeypatch.setattr(gateway, "query", lambda account, **names: PaymentState(PaymentStatus.PAID))
    assert not self_test(account)[2].is_good


def test_with_wrong_settings_nobody_is_asked(front, gateway):
    findings = self_test(make_account("main", secret=""))
    assert [finding.words for finding in findings] == ["The secret is missing."]
    assert front.asked == []


def test_an_account_without_a_gateway_has_only_settings_to_look_at(front, db):
    bank = make_account("bank", provider="manual", secret="", options={"instructions": "IBAN"})
    assert [finding.is_good for finding in self_test(bank)] == [True]
    assert front.asked == []
