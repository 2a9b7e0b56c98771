"""The forms of Token Management, filled in from their own HTML."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from config.kernel.money import usd
from tests.factories import make_group, make_token
from tokens.models import Token
from tokens.selectors import token_by_key
from tokens.services import edit_token

FILLED = {"name": "prod", "group": "default", "unit": "quota", "expiry": "never", "count": "1"}


@pytest.fixture
def create(client_of, standard):
    """Send the creation form: `create(alice, amount="500000")` → the page after it."""

    def create(user, **fields):
        unlimited = {} if "amount" in fields else {"unlimited": "on"}
        return client_of(user).post("/tokens/new", FILLED | unlimited | fields, follow=True)

    return create


@pytest.fixture
def edit(client_of):
    """Open a token's form, run `meanwhile`, change fields, send it."""

    def edit(user, token, meanwhile=lambda: None, **changes):
        client, path = client_of(user), f"/tokens/{token.public_id}/edit"
        form = client.get(path).context["form"]
        filled = {field.html_name: field.value() for field in form}
        filled["expires_at"] = form["expires_at"].value() and form["expires_at"].value().strftime("%Y-%m-%dT%H:%M")
        meanwhile()
        sent = {name: value for name, value in (filled | changes).items() if value not in (None, False)}
        return client.post(path, sent, follow=True)

    return edit


def errors_of(response):
    return set(response.context["form"].errors)


class TestCreate:
    def test_the_empty_form(self, alice, client_of, standard):
        make_group("auto", is_auto=True, description="cheapest first")
        make_group("28%", ratio_ppm=280_000)
        make_group("closed", is_public=False)
        page = client_of(alice).get("/tokens/new").content.decode()
        assert page.index('value="auto"') < page.index('value="28%"')
        assert "0.28x" in page
        assert 'value="closed"' not in page
        assert "Equivalent Amount" in page
        assert 'value="500000"' in page
        assert "$1.00" in page

    def test_the_key_is_shown_once_with_code_that_uses_it(self, alice, create, client_of):
        client = client_of(alice)
        response = client.post("/tokens/new", {**FILLED, "unlimited": "on"}, follow=True)
        assert response.request["PATH_INFO"] == "/tokens/created"
        assert response.headers["Cache-Control"] == "no-store"
        ((token, key),) = response.context["keys"]
        page = response.content.decode()
        assert token_by_key(key).id == token.pk
        assert f"Authorization: Bearer {key}" in page
        assert "http://testserver/v1/chat/completions" in page
        assert "from</span> openai" in page
        assert client.get("/tokens/created").url == "/tokens"

    def test_no_session_holds_the_key_in_clear(self, alice, client_of, standard):
        client = client_of(alice)
        client.post("/tokens/new", {**FILLED, "unlimited": "on"})
        (session,) = Session.objects.all()
        carried = str(session.get_decoded())
        ((_token, key),) = client.get("/tokens/created").context["keys"]
        assert "new_keys" in carried
        assert key[7:-4] not in carried

    def test_another_user_of_the_browser_does_not_see_it(self, alice, bob, client_of, standard):
        client = client_of(alice)
        client.post("/tokens/new", {**FILLED, "unlimited": "on"})
        carried = client.session["new_keys"]
        client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
        session = client.session
        session["new_keys"] = carried
        session.save()
        assert client.get("/tokens/created").url == "/tokens"

    @pytest.mark.parametrize(
        ("amount", "unit", "nano"),
        [
            ("500000", "quota", usd("1")),
            ("1,500,000", "quota", usd("3")),
            ("1", "quota", 2_000),
            ("1.50", "usd", usd("1.5")),
            ("$1,000", "usd", usd("1000")),
            ("0.000000001", "usd", 1),
            ("0", "usd", 0),
        ],
    )
    def test_quota_in_both_units_is_exact(self, alice, create, amount, unit, nano):
        create(alice, amount=amount, unit=unit)
        assert Token.objects.get().quota == nano

    @pytest.mark.parametrize(
        ("amount", "unit"),
        [("", "quota"), ("1.5", "quota"), ("1,5", "usd"), ("-1", "usd"), ("x", "quota"), ("1", "x"), ("1e99", "usd")],
    )
    def test_amounts_that_are_none(self, alice, create, amount, unit):
        assert errors_of(create(alice, amount=amount, unit=unit)) <= {"amount", "unit"}
        assert not Token.objects.exists()

    def test_the_switch_beats_what_is_typed(self, alice, create):
        create(alice, amount="nonsense", unlimited="on")
        assert Token.objects.get().quota is None

    def test_lists_by_line_or_comma(self, alice, create):
        create(alice, models="gpt-4o\r\ndeepseek-r1, kimi\r\n", ips="10.0.0.7/24\r\n203.0.113.7 2001:db8::1")
        token = Token.objects.get()
        assert token.models_allowed == ["gpt-4o", "deepseek-r1", "kimi"]
        assert token.ips_allowed == ["10.0.0.0/24", "203.0.113.7", "2001:db8::1"]

    @pytest.mark.parametrize(("expiry", "hours"), [("hour", 1), ("day", 24), ("month", 720)])
    def test_expiry_presets(self, alice, create, expiry, hours):
        before = timezone.now()
        create(alice, expiry=expiry)
        span = timedelta(hours=hours)
        assert before + span <= Token.objects.get().expires_at <= timezone.now() + span

    def test_an_expiry_in_the_users_own_time(self, alice, create):
        alice.time_zone = "Asia/Shanghai"
        alice.save()
        create(alice, expiry="date", expires_at="2090-01-02T08:00")
        assert Token.objects.get().expires_at.isoformat() == "2090-01-02T00:00:00+00:00"

    def test_a_batch(self, alice, create):
        response = create(alice, count="3")
        assert [token.name for token, _key in response.context["keys"]] == ["prod 1", "prod 2", "prod 3"]
        assert all(key in response.content.decode() for _token, key in response.context["keys"])

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"name": " "}, {"name"}),
            ({"group": "closed"}, {"group"}),
            ({"group": ""}, {"group"}),
            ({"count": "51"}, {"count"}),
            ({"ips": "nonsense"}, {"ips"}),
            ({"expiry": "date"}, {"expires_at"}),
            ({"expiry": "date", "expires_at": "2001-01-01T00:00"}, {"expires_at"}),
            ({"expiry": "date", "expires_at": "9999-12-31T23:59"}, {"expires_at"}),
            ({"name": "", "ips": "x", "amount": "x"}, {"name", "ips", "amount"}),
        ],
    )
    def test_errors_stand_beside_their_fields_and_what_was_typed_stays(self, alice, create, fields, wrong):
        make_group("closed", is_public=False)
        response = create(alice, models="kept-model", **fields)
        assert errors_of(response) == wrong
        assert "kept-model" in response.content.decode()
        assert not Token.objects.exists()

    def test_in_chinese_no_english_is_left(self, alice, client_of, standard):
        page = client_of(alice).get("/tokens/new", headers={"Accept-Language": "zh-CN"}).content.decode()
        assert "令牌" in page
        assert "at once" not in page

    def test_no_group_at_all(self, alice, client_of):
        assert "No group is open" in client_of(alice).get("/tokens/new").content.decode()


class TestEdit:
    def test_sent_as_it_was_nothing_changes(self, alice, issue, edit):
        token = issue(alice, quota=usd("0.000000001"), models=["m"], ips=["10.0.0.0/8"]).token
        Token.objects.update(expires_at=timezone.now() - timedelta(days=1))  # expired, and still to be renamed
        before = Token.objects.values().get()
        response = edit(alice, token)
        assert response.request["PATH_INFO"] == "/tokens"
        assert Token.objects.values().get() == before

    def test_every_field(self, alice, issue, edit):
        make_group("half")
        token = issue(alice).token
        edit(alice, token, name="new", group="half", unlimited=False, amount="2", unit="usd", models="m", expiry="day")
        token.refresh_from_db()
        assert (token.name, token.group.code, token.quota, token.models_allowed) == ("new", "half", usd("2"), ["m"])
        assert token.expires_at is not None

    def test_a_top_up_while_the_form_was_open_is_kept(self, alice, issue, edit):
        token = issue(alice, quota=usd("1")).token
        edit(alice, token, meanwhile=lambda: Token.objects.update(quota=usd("9")), name="new")
        token.refresh_from_db()
        assert (token.name, token.quota) == ("new", usd("9"))

    def test_a_quota_below_what_is_used(self, alice, issue, edit):
        token = issue(alice, quota=usd("2")).token
        Token.objects.update(used=usd("1"))
        response = edit(alice, token, amount="499999")
        assert errors_of(response) == {"amount"}
        assert "$1.00 already used" in response.content.decode()

    def test_deleted_while_the_form_was_open(self, alice, issue, edit):
        token = issue(alice).token
        response = edit(alice, token, meanwhile=lambda: Token.objects.update(deleted_at=timezone.now()), name="x")
        assert response.status_code == 404
        assert Token.objects.get().name == "prod"

    def test_a_group_closed_since_can_be_kept(self, alice, issue, edit, standard):
        token = issue(alice).token
        standard.is_public = False
        standard.save()
        edit(alice, token, name="still")
        assert Token.objects.get().name == "still"

    def test_somebody_elses_token_is_not_there(self, alice, bob, client_of):
        token = make_token(alice)
        for answer in (client_of(bob).get, client_of(bob).post):
            assert answer(f"/tokens/{token.public_id}/edit", FILLED).status_code == 404

    def test_the_limits_of_another_page_are_respected(self, alice, issue, edit):
        """Two forms open at once: the second to be sent changes only what it touched of the quota."""
        token = issue(alice, quota=usd("1")).token
        edit(alice, token, meanwhile=lambda: edit_token(token=Token.objects.get(), quota=usd("3")), models="m")
        token.refresh_from_db()
        assert (token.quota, token.models_allowed) == (usd("3"), ["m"])
