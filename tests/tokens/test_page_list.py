"""Token Management: what the list shows, and its acts, sent the way a browser without scripts sends them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from config.kernel.money import usd
from tests.factories import make_group
from tokens.models import Token
from tokens.selectors import tokens_of


@pytest.fixture
def listed(client_of):
    """The names on alice's page for a query string."""

    def listed(user, query=""):
        response = client_of(user).get(f"/tokens{query}")
        assert response.status_code == 200
        return [token.name for token in response.context["page"]]

    return listed


@pytest.fixture
def act(client_of):
    """Press a button of the list: `act(alice, "disable", token)`."""

    def act(user, action, *tokens, **fields):
        body = {"token": [token.public_id for token in tokens], **fields}
        return client_of(user).post(f"/tokens/{action}", body, follow=True)

    return act


def test_an_empty_list_says_what_to_do(alice, client_of):
    page = client_of(alice).get("/tokens").content.decode()
    assert "No tokens yet" in page
    assert 'href="/tokens/new"' in page


def test_a_row_tells_everything_but_the_key(alice, issue, client_of):
    issued = issue(
        alice,
        name="<b>prod</b>",
        group=make_group("28%", ratio_ppm=280_000),
        quota=usd("202000.01"),
        models=["deepseek-r1"],
        ips=["10.0.0.0/8"],
    )
    Token.objects.update(used=usd("433.78"))
    page = client_of(alice).get("/tokens").content.decode()
    for text in ("&lt;b&gt;prod", "0.28x", "$433.78", "$202,000.01", "deepseek-r1", "10.0.0.0/8", "Enabled"):
        assert text in page
    assert issued.token.masked_key in page
    assert issued.plain_key not in page


def test_unlimited_is_said(alice, issue, client_of):
    issue(alice)
    assert "Unlimited quota" in client_of(alice).get("/tokens").content.decode()


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"is_enabled": False, "expires_at": timezone.now() - timedelta(hours=1)}, "Disabled"),
        ({"expires_at": timezone.now() - timedelta(hours=1), "quota": 0}, "Expired"),
        ({"quota": 0}, "Exhausted"),
        ({"quota": 1}, "Enabled"),
    ],
)
def test_the_status_and_the_filter_by_it_agree(alice, issue, listed, change, label):
    issue(alice)
    Token.objects.update(**change)
    token = tokens_of(alice).get()
    assert token.status.label == label
    for status in Token.Status:
        assert listed(alice, f"?status={status}") == ([token.name] if status == token.status else [])


def test_filters_by_name_and_group(alice, issue, listed):
    issue(alice, name="Production", group=make_group("half"))
    issue(alice, name="staging")
    assert listed(alice, "?q=PROD") == ["Production"]
    assert listed(alice, "?group=half") == ["Production"]
    assert listed(alice, "?q=prod&group=default") == []
    assert listed(alice, "?q=%00&status=nonsense&page=x") == []


def test_somebody_elses_tokens_are_not_listed(alice, bob, issue, listed):
    issue(alice)
    assert listed(bob) == []


def test_fifty_a_page(alice, issue, listed):
    for number in range(51):
        issue(alice, name=f"token {number}")
    assert len(listed(alice)) == 50
    assert listed(alice, "?page=2") == ["token 0"]


def test_the_list_costs_the_same_whatever_its_length(alice, issue, client_of, django_assert_max_num_queries):
    client = client_of(alice)
    client.get("/tokens")
    for _ in range(20):
        issue(alice, group=make_group("half"))
    with django_assert_max_num_queries(8):
        client.get("/tokens")


def test_disable_and_enable(alice, issue, act):
    first, second, other = (issue(alice).token for _ in range(3))
    response = act(alice, "disable", first, second)
    assert [str(message) for message in response.context["messages"]] == ["2 tokens were disabled."]
    assert set(tokens_of(alice).filter(is_enabled=False)) == {first, second}
    act(alice, "enable", first)
    assert set(tokens_of(alice).filter(is_enabled=False)) == {second}
    assert tokens_of(alice).get(pk=other.pk).is_enabled


def test_deleting_asks_first(alice, issue, act):
    token = issue(alice, name="prod").token
    response = act(alice, "delete", token)
    assert "prod" in response.content.decode()
    assert tokens_of(alice).exists()
    act(alice, "delete", token, confirmed="yes")
    assert not tokens_of(alice).exists()


@pytest.mark.parametrize("action", ["disable", "enable", "delete"])
def test_acts_do_nothing_to_somebody_elses_token(alice, bob, issue, act, action):
    token = issue(alice).token
    Token.objects.update(is_enabled=action != "enable")
    before = Token.objects.values().get()
    response = act(bob, action, token, confirmed="yes")
    assert [str(message) for message in response.context["messages"]] == ["Select a token first."]
    assert Token.objects.values().get() == before
    assert token.name not in response.content.decode()


@pytest.mark.parametrize("action", ["disable", "enable", "delete", "reveal"])
class TestWays:
    def test_nothing_selected(self, alice, standard, act, action):
        Client().force_login(alice)
        response = act(alice, action)
        assert response.status_code == 200

    def test_get_leads_to_the_list(self, alice, client_of, action):
        response = client_of(alice).get(f"/tokens/{action}")
        assert (response.status_code, response.url) == (302, "/tokens")

    def test_without_csrf_token(self, alice, issue, action):
        token = issue(alice).token
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        response = client.post(f"/tokens/{action}", {"token": token.public_id, "confirmed": "yes"})
        assert response.status_code == 403
        token.refresh_from_db()
        assert token.status == Token.Status.ENABLED

    def test_signed_out(self, alice, issue, action):
        token = issue(alice).token
        response = Client().post(f"/tokens/{action}", {"token": token.public_id, "confirmed": "yes"})
        assert response.status_code == 302
        assert "/accounts/login/" in response.url


@pytest.mark.parametrize("path", ["/tokens", "/tokens/new", "/tokens/created"])
def test_pages_want_a_session(db, path):
    response = Client().get(path)
    assert response.status_code == 302
    assert response.url.startswith("/accounts/login/?next=/tokens")
