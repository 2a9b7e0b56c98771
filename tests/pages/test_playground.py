"""Playground and Chat as they are served: who gets a pass for what, and what the relay makes of it."""

import json
import re

import pytest
import requests
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from billing.models import UsageRecord
from tests.billing.usage_rows import make_record
from tests.factories import give, make_channel, make_group, make_price, make_token
from tests.journeys.conftest import site  # noqa: F401 - a fixture
from tests.relay.conftest import chat, sandbox  # noqa: F401 - a fixture
from tokens.models import Token
from tokens.services import delete_token, issue_token, set_enabled

pytestmark = pytest.mark.django_db
PAGES = ("/playground", "/chat")


@pytest.fixture
def default(db):
    return make_group("default", is_default=True)


def ask(client, **fields):
    return client.post("/playground/pass", fields)


def options_in(page):
    return json.loads(re.search(r'<script id="chat-options"[^>]*>(.*?)</script>', page)[1])


# ── The pages ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", PAGES)
def test_strangers_are_asked_to_sign_in(client, address):
    assert client.get(address).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("address", PAGES)
def test_what_may_be_called_is_offered(alice, bob, default, client_of, address):
    closed = make_group("closed", is_public=False)
    make_price("m1", input="1", output="2")
    make_price("m2")
    make_price("painter", tags=["images"])
    make_channel("http://127.0.0.1:9/v1", models=["m1", "painter"], groups=[default])
    make_channel("http://127.0.0.1:9/v1", models=["m2"], groups=[closed])
    make_token(alice, group=default, name="hers")
    make_token(alice, group=default, name="switched off", is_enabled=False)
    make_token(bob, group=default, name="his")
    page = client_of(alice).get(address).content.decode()
    options = options_in(page)
    assert [(group["code"], [model["name"] for model in group["models"]]) for group in options["groups"]] == [
        ("default", ["m1"])
    ]
    assert options["groups"][0]["models"][0]["output"] == "$2.00"
    assert [token["label"].split(" ")[0] for token in options["tokens"]] == ["hers"]
    assert "his ·" not in page


def test_no_key_is_in_the_page(alice, default, client_of):
    issued = issue_token(user=alice, name="hers", group=default)
    for address in PAGES:
        assert issued.plain_key not in client_of(alice).get(address).content.decode()


def test_without_a_model_the_page_says_so(alice, default, client_of):
    assert "No model can be called at the moment" in client_of(alice).get("/playground").content.decode()


def test_the_number_of_statements_does_not_grow(alice, default, client_of):
    client = client_of(alice)

    def statements():
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/playground").status_code == 200
        return len(captured)

    few = statements()
    for number in range(5):
        group = make_group(f"g{number}")
        make_price(f"m{number}")
        make_channel("http://127.0.0.1:9/v1", models=[f"m{number}"], groups=[group])
        make_token(alice, group=group)
    assert statements() == few <= 16


# ── Passes ───────────────────────────────────────────────────────────────────


def test_a_pass_is_only_for_the_signed_in(client, default):
    response = ask(client, group="default")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "signed_out")


def test_a_pass_needs_our_own_page(alice, default):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert ask(client, group="default").status_code == 403
    assert client.get("/playground/pass").status_code == 405


def test_a_pass_is_not_kept_anywhere(alice, default, client_of):
    response = ask(client_of(alice), group="default")
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]


def test_the_playground_token_is_made_once(alice, default, client_of):
    other = make_group("other")
    client = client_of(alice)
    for group in (default, other, default):
        assert ask(client, group=group.code).status_code == 200
    token = Token.objects.get(user=alice)
    assert (token.name, token.group, token.status) == ("Playground", default, Token.Status.ENABLED)
    assert "Playground" in client.get("/tokens").content.decode()
    delete_token(token=token)
    ask(client, group="default")
    assert Token.objects.owned_by(alice).count() == 1


@pytest.mark.parametrize("fields", [{"group": "closed"}, {"group": "nothing"}, {"group": ""}, {}])
def test_a_closed_group_is_refused(alice, default, client_of, fields):
    make_group("closed", is_public=False)
    assert ask(client_of(alice), **fields).status_code == 400
    assert not Token.objects.filter(user=alice).exists()


def test_bob_gets_no_pass_for_alices_token(alice, bob, default, client_of):
    token = make_token(alice, group=default)
    response = ask(client_of(bob), token=token.public_id)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "token_not_found")
    assert ask(client_of(alice), token=token.public_id).status_code == 200
    assert ask(client_of(alice), token="\x00").status_code == 404


def test_bob_learns_nothing_of_alices_calls(alice, bob, default, client_of):
    row = make_record(make_token(alice, group=default), at=timezone.now())
    assert client_of(bob).get(f"/playground/receipt/{row.pk}").json() == {"is_final": False}
    hers = client_of(alice).get(f"/playground/receipt/{row.pk}").json()
    assert hers == {"is_final": True, "cost": "0.0012", "input": 1000, "cached": 0, "output": 100}


# ── What the relay makes of them ─────────────────────────────────────────────


@pytest.fixture
def called(transactional_db, sandbox, alice, request):  # noqa: F811
    """`called(credential)`: the relay's answer. Besides the group of the site there is a cheap one."""
    give(alice, "1")
    make_channel(sandbox, models=["sandbox-mini"], groups=[make_group("cheap", ratio_ppm=500_000)])
    address = request.getfixturevalue("site")  # after the rows: it reads them when it starts

    def called(credential):
        headers = {"Authorization": f"Bearer {credential}"}
        return requests.post(f"{address}/v1/chat/completions", json=chat(), headers=headers, timeout=20)

    return called


def pass_of(client, **fields):
    return ask(client, **fields).json()["pass"]


@pytest.mark.live
@pytest.mark.django_db(transaction=True)
class TestCalls:
    def code_of(self, response):
        return response.status_code, response.json()["error"]["code"]

    def test_a_pass_calls_and_its_owner_pays(self, alice, called, client_of):
        answer = called(pass_of(client_of(alice), group="default"))
        assert answer.status_code == 200
        record = UsageRecord.objects.get()
        assert (record.user, record.token_name, record.group) == (alice, "Playground", "default")
        assert record.charge > 0

    def test_the_group_of_a_pass_is_the_one_it_was_made_for(self, alice, called, client_of):
        client = client_of(alice)
        ask(client, group="default")
        assert called(pass_of(client, group="cheap")).status_code == 200
        record = UsageRecord.objects.get()
        assert (record.group, record.ratio_ppm, record.token.group.code) == ("cheap", 500_000, "default")

    def test_a_token_of_ones_own_keeps_its_terms(self, alice, called, client_of):
        token = make_token(alice, group=make_group("default"), models_allowed=["another"])
        assert self.code_of(called(pass_of(client_of(alice), token=token.public_id))) == (403, "model_not_allowed")

    def test_a_pass_expires(self, alice, called, client_of, monkeypatch):
        text = pass_of(client_of(alice), group="default")
        assert called(text).status_code == 200
        monkeypatch.setattr("tokens.passes.VALID_SECONDS", -1)
        assert self.code_of(called(text)) == (401, "pass_expired")

    @pytest.mark.parametrize("forge", [lambda text: text[:-1] + "x", lambda text: "pass-", lambda text: text + ":x"])
    def test_a_forged_pass_is_refused(self, alice, called, client_of, forge):
        text = pass_of(client_of(alice), group="default")
        assert self.code_of(called(forge(text))) == (401, "invalid_api_key")

    def test_a_pass_for_a_revoked_token_is_refused(self, alice, called, client_of):
        text = pass_of(client_of(alice), group="default")
        token = Token.objects.get(user=alice)
        set_enabled(token=token, enabled=False)
        assert self.code_of(called(text)) == (401, "key_disabled")
        delete_token(token=token)
        assert self.code_of(called(text)) == (401, "invalid_api_key")

    def test_a_suspended_user_gets_none_and_uses_none(self, alice, called, client_of):
        client = client_of(alice)
        text = pass_of(client, group="default")
        User.objects.filter(pk=alice.pk).update(is_active=False)
        assert self.code_of(called(text)) == (403, "account_suspended")
        assert ask(client, group="default").status_code == 401
