"""About, and the page that stands in for all of them during maintenance."""

import pytest

from config.models import SiteText
from tests.relay.conftest import caller_of, relay, sandbox  # noqa: F401 - fixtures

TEXT = "We are <b>two people</b> in Lisbon.\n\nWrite to us: https://example.com/contact"


@pytest.fixture
def closed(settings, tmp_path):
    """`closed("all")`: the site is being worked on, as a file says."""
    settings.VAR_DIR = tmp_path

    def close(word=""):
        (tmp_path / "maintenance").write_text(word)

    return close


def test_without_a_text_of_the_operators_it_says_what_is_true_anyway(client, db):
    page = client.get("/about").content.decode()
    assert "one key, one balance, one bill" in page
    assert 'property="og:title"' in page


def test_the_operators_text_in_paragraphs_and_escaped(client, db):
    SiteText.objects.create(page="about", text=TEXT)
    page = client.get("/about").content.decode()
    assert "<p>We are &lt;b&gt;two people&lt;/b&gt; in Lisbon.</p>" in page
    assert '<a href="https://example.com/contact" rel="nofollow">' in page
    assert "one balance" not in page


def test_in_chinese_where_there_is_one(client, db):
    row = SiteText.objects.create(page="about", text="English", text_zh="中文介绍")
    client.cookies["django_language"] = "zh-hans"
    assert "中文介绍" in client.get("/about").content.decode()
    SiteText.objects.filter(pk=row.pk).update(text_zh="")
    assert "English" in client.get("/about").content.decode()


def test_staff_writes_it_once(client_of, carol, client):
    staff = client_of(carol)
    assert staff.post("/admin/config/sitetext/add/", {"page": "about", "text": "Ours"}).status_code == 302
    assert "Ours" in client.get("/about").content.decode()
    assert staff.get("/admin/config/sitetext/add/").status_code == 403


# ── Maintenance ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/pricing", "/docs", "/dashboard"])
def test_pages_are_closed_in_our_own_words(client, db, closed, path):
    closed()
    response = client.get(path)
    page = response.content.decode()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "300")
    assert "The road is being mended" in page
    assert "calls to the API are not affected" in page
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_visitors_of_a_closed_site_are_no_errors_in_the_log(client, db, closed, caplog):
    closed()
    client.get("/")
    assert caplog.records == []


def test_the_setting_does_the_same(client, db, settings):
    settings.MAINTENANCE = "pages"
    assert client.get("/").status_code == 503


def test_staff_gets_in_and_customers_do_not(client_of, carol, alice, db, closed):
    closed()
    assert client_of(carol).get("/pricing").status_code == 200
    assert client_of(alice).get("/pricing").status_code == 503


@pytest.mark.parametrize("path", ["/accounts/login/", "/healthz", "/readyz"])
def test_what_has_to_go_on_goes_on(client, db, closed, path):
    closed()
    assert client.get(path).status_code == 200


def test_the_site_api_answers_in_its_envelope(client, db, closed):
    closed()
    response = client.get("/api/topup/packages")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "maintenance"


def test_reports_of_gateways_are_taken(client, db, closed):
    closed()
    assert client.post("/api/payments/no-such-provider/notify").status_code != 503


@pytest.mark.live
@pytest.mark.parametrize(("word", "status"), [("", 200), ("all", 503)])
def test_the_relay_stops_only_when_told(caller_of, closed, word, status):  # noqa: F811 - the fixture above
    alice = caller_of()
    closed(word)
    answer = alice.get("/models")
    assert answer.status_code == status
    if status == 503:
        assert answer.json()["error"]["code"] == "maintenance"
        assert answer.headers["Retry-After"] == "300"
