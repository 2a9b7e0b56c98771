"""Limits of speed and caps of money: set in the form and by the site API, read by the relay."""

import pytest

from config.kernel.errors import InvalidInput
from config.kernel.money import MAX_NANO, usd
from tests.factories import make_group
from tokens.models import Token
from tokens.selectors import token_by_key
from tokens.services import edit_token
from tokens.terms import MAX_LIMIT, Unacceptable, clean_cap, clean_limit

LIMITS = {
    "requests_per_minute": 60,
    "tokens_per_minute": 90_000,
    "concurrent_requests": 4,
    "daily_cap": usd("1.50"),
    "monthly_cap": usd("20"),
}
NONE = dict.fromkeys(LIMITS)
TYPED = {**LIMITS, "daily_cap": "1.50", "monthly_cap": "$20"}
ON_THE_WIRE = {
    "requestsPerMinute": 60,
    "tokensPerMinute": 90_000,
    "concurrentRequests": 4,
    "dailyCap": 750_000,
    "monthlyCap": 10_000_000,
}


def limits_of(token):
    return Token.objects.values(*LIMITS).get(pk=token.pk)


class TestTerms:
    @pytest.mark.parametrize("limit", [None, 1, MAX_LIMIT])
    def test_a_limit_is_a_positive_number_or_none(self, limit):
        assert clean_limit(limit) == limit

    @pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1, 10**40])
    def test_other_limits_are_refused(self, limit):
        with pytest.raises(Unacceptable):
            clean_limit(limit)

    @pytest.mark.parametrize("cap", [None, 1, MAX_NANO])
    def test_a_cap_is_an_amount_or_none(self, cap):
        assert clean_cap(cap) == cap

    @pytest.mark.parametrize("cap", [0, -1, MAX_NANO + 1])
    def test_other_caps_are_refused(self, cap):
        with pytest.raises(Unacceptable):
            clean_cap(cap)


class TestServices:
    def test_a_token_has_no_limits_unless_it_is_given_some(self, alice, issue):
        assert limits_of(issue(alice).token) == NONE

    def test_the_relay_reads_them(self, alice, issue):
        snapshot = token_by_key(issue(alice, **LIMITS).plain_key)
        assert {name: getattr(snapshot, name) for name in LIMITS} == LIMITS

    def test_an_edit_changes_the_given_ones(self, alice, issue):
        token = issue(alice, **LIMITS).token
        edit_token(token=token, requests_per_minute=None, daily_cap=usd("2"))
        assert limits_of(token) == {**LIMITS, "requests_per_minute": None, "daily_cap": usd("2")}

    def test_every_complaint_names_its_limit(self, alice, issue):
        with pytest.raises(InvalidInput) as refusal:
            issue(alice, **dict.fromkeys(LIMITS, 0))
        assert set(refusal.value.details) == set(LIMITS)


class TestForm:
    FILLED = {"name": "prod", "group": "default", "unit": "quota", "expiry": "never", "count": "1", "unlimited": "on"}

    def test_creation(self, alice, client_of, standard):
        client_of(alice).post("/tokens/new", self.FILLED | TYPED)
        assert limits_of(Token.objects.get()) == LIMITS

    def test_left_empty_nothing_is_limited(self, alice, client_of, standard):
        client_of(alice).post("/tokens/new", self.FILLED | dict.fromkeys(LIMITS, ""))
        assert limits_of(Token.objects.get()) == NONE

    def test_an_edit_shows_what_is_set_and_saves_it_again(self, alice, client_of, issue):
        token, client = issue(alice, **LIMITS).token, client_of(alice)
        form = client.get(f"/tokens/{token.public_id}/edit").context["form"]
        shown = {field.name: field.value() for field in form.limit_fields}
        assert shown == {**LIMITS, "daily_cap": "1.50", "monthly_cap": "20.00"}
        client.post(f"/tokens/{token.public_id}/edit", {**self.FILLED, **shown, "concurrent_requests": ""})
        assert limits_of(token) == {**LIMITS, "concurrent_requests": None}

    @pytest.mark.parametrize("name", LIMITS)
    @pytest.mark.parametrize("typed", ["0", "-1", "many", "1e3x", "9" * 30])
    def test_a_bad_one_is_named_beside_its_field(self, alice, client_of, standard, name, typed):
        response = client_of(alice).post("/tokens/new", self.FILLED | {name: typed})
        assert set(response.context["form"].errors) == {name}
        assert not Token.objects.exists()


class TestSiteApi:
    def send(self, client, method, path="", **body):
        return getattr(client, method)(f"/api/tokens{path}", body, content_type="application/json")

    def test_creation_and_edit(self, alice, client_of):
        make_group(is_default=True)
        client = client_of(alice)
        assert self.send(client, "post", displayName="ci", **ON_THE_WIRE).status_code == 201
        token = Token.objects.get()
        assert limits_of(token) == LIMITS
        assert self.send(client, "patch", f"/{token.public_id}", dailyCap=None, tokensPerMinute=5).status_code == 200
        assert limits_of(token) == {**LIMITS, "daily_cap": None, "tokens_per_minute": 5}

    @pytest.mark.parametrize("name", ON_THE_WIRE)
    @pytest.mark.parametrize("value", [0, -1, "5", 1.5, True, 10**30])
    def test_a_bad_one_is_named_as_it_was_sent(self, alice, client_of, standard, name, value):
        response = self.send(client_of(alice), "post", displayName="ci", **{name: value})
        assert response.status_code == 400
        assert set(response.json()["error"]["details"]) == {name}
