"""`/api/tokens`, shape by shape."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from config.kernel.money import usd
from tests.factories import make_group
from tokens.models import Token
from tokens.selectors import token_by_key


@pytest.fixture
def api(client_of):
    """`api(alice)("post", path, body)` → (status, JSON)."""

    def api(user):
        client = client_of(user)

        def call(method, path="", body=None):
            response = getattr(client, method)(f"/api/tokens{path}", body, content_type="application/json")
            return response.status_code, response.json()

        return call

    return api


def refused(answer, *fields):
    status, body = answer
    assert status == 400
    assert body["ok"] is False
    assert body["error"]["code"] == "invalid_payload"
    assert body["error"]["message"]
    assert set(body["error"]["details"]) == set(fields)
    assert all(isinstance(said, list) and said for said in body["error"]["details"].values())


class TestList:
    def test_own_tokens_newest_first(self, alice, bob, issue, api):
        issue(bob)
        old, new = issue(alice, name="old").token, issue(alice, name="new").token
        assert api(alice)("get") == (
            200,
            {
                "ok": True,
                "items": [
                    {
                        "id": token.public_id,
                        "displayName": token.name,
                        "maskedKey": f"sk-****{token.key_tail}",
                        "status": "ACTIVE",
                    }
                    for token in (new, old)
                ],
            },
        )

    def test_deleted_ones_are_not_listed(self, alice, issue, api):
        issue(alice)
        Token.objects.update(deleted_at=timezone.now())
        assert api(alice)("get") == (200, {"ok": True, "items": []})

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"is_enabled": False}, "REVOKED"),
            ({"expires_at": timezone.now() - timedelta(hours=1)}, "EXPIRED"),
            ({"quota": 5, "used": 5}, "EXHAUSTED"),
            ({"quota": 5, "used": 4}, "ACTIVE"),
        ],
    )
    def test_statuses(self, alice, issue, api, change, status):
        issue(alice)
        Token.objects.update(**change)
        assert api(alice)("get")[1]["items"][0]["status"] == status


class TestCreate:
    def test_by_name_alone(self, alice, standard, api):
        status, body = api(alice)("post", body={"displayName": "Default Key"})
        token = Token.objects.get()
        assert status == 201
        assert body == {
            "ok": True,
            "token": {
                "id": token.public_id,
                "displayName": "Default Key",
                "maskedKey": f"sk-****{body['plainKey'][-4:]}",
                "status": "ACTIVE",
            },
            "plainKey": body["plainKey"],
        }
        assert token_by_key(body["plainKey"]).user_id == alice.pk

    def test_with_every_field_and_unknown_ones(self, alice, standard, api):
        make_group("half", ratio_ppm=500_000)
        expires_at = (timezone.now() + timedelta(days=2)).replace(microsecond=0)
        body = {
            "displayName": "ci",
            "group": "half",
            "quota": 500_001,
            "expiresAt": expires_at.isoformat(),
            "models": ["m-1"],
            "allowedIps": ["10.0.0.7/24"],
            "color": {"is": "ignored"},
        }
        assert api(alice)("post", body=body)[0] == 201
        token = Token.objects.select_related("group").get()
        assert (token.group.code, token.quota, token.expires_at) == ("half", usd("1.000002"), expires_at)
        assert (token.models_allowed, token.ips_allowed) == (["m-1"], ["10.0.0.0/24"])

    def test_the_answer_with_the_key_is_not_cached(self, alice, standard, client_of):
        response = client_of(alice).post("/api/tokens", {"displayName": "k"}, content_type="application/json")
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Request-Id"]

    @pytest.mark.parametrize(
        ("fields", "names"),
        [
            ({"displayName": None}, ["displayName"]),
            ({"displayName": 5}, ["displayName"]),
            ({"displayName": True}, ["displayName"]),
            ({"displayName": ""}, ["displayName"]),
            ({"displayName": "n" * 81}, ["displayName"]),
            ({"displayName": "a\x00"}, ["displayName"]),
            ({"displayName": "\ud800"}, ["displayName"]),
            ({"group": 1}, ["group"]),
            ({"group": "no such group"}, ["group"]),
            ({"group": "\x00"}, ["group"]),
            ({"quota": "5"}, ["quota"]),
            ({"quota": 5.5}, ["quota"]),
            ({"quota": True}, ["quota"]),
            ({"quota": -1}, ["quota"]),
            ({"quota": 10**30}, ["quota"]),
            ({"expiresAt": 5}, ["expiresAt"]),
            ({"expiresAt": "tomorrow"}, ["expiresAt"]),
            ({"expiresAt": "2001-01-01T00:00:00Z"}, ["expiresAt"]),
            ({"models": "m-1"}, ["models"]),
            ({"models": [1]}, ["models"]),
            ({"models": None}, ["models"]),
            ({"allowedIps": {"a": 1}}, ["allowedIps"]),
            ({"allowedIps": ["not an address"]}, ["allowedIps"]),
            ({"quota": -1, "allowedIps": ["x"]}, ["quota", "allowedIps"]),
        ],
    )
    def test_wrong_values(self, alice, standard, api, fields, names):
        refused(api(alice)("post", body={"displayName": "k"} | fields), *names)
        assert not Token.objects.exists()

    def test_a_missing_name(self, alice, standard, api):
        refused(api(alice)("post", body={}), "displayName")

    @pytest.mark.parametrize("body", ["{", "[]", '"text"', "null"])
    def test_a_body_that_is_no_object(self, alice, standard, client_of, body):
        response = client_of(alice).post("/api/tokens", body, content_type="application/json")
        refused((response.status_code, response.json()), "body")

    def test_an_empty_body(self, alice, standard, client_of):
        response = client_of(alice).post("/api/tokens", "", content_type="application/json")
        refused((response.status_code, response.json()), "displayName")

    def test_quota_that_is_no_whole_number_of_nano_dollars(self, alice, standard, api, settings):
        settings.QUOTA_PER_USD = 3
        refused(api(alice)("post", body={"displayName": "k", "quota": 1}), "quota")
        assert api(alice)("post", body={"displayName": "k", "quota": 3})[0] == 201


class TestChange:
    def test_any_field(self, alice, issue, api):
        token = issue(alice, quota=usd("1")).token
        status, body = api(alice)("patch", f"/{token.public_id}", {"displayName": "new", "quota": None})
        assert (status, body["token"]["displayName"]) == (200, "new")
        assert set(body["token"]) == {"id", "displayName", "maskedKey", "status"}
        token.refresh_from_db()
        assert (token.name, token.quota) == ("new", None)

    def test_nothing(self, alice, issue, api):
        token = issue(alice).token
        assert api(alice)("patch", f"/{token.public_id}", {})[0] == 200

    def test_wrong_values(self, alice, issue, api):
        token = issue(alice).token
        refused(api(alice)("patch", f"/{token.public_id}", {"displayName": ""}), "displayName")

    def test_a_quota_below_what_is_used(self, alice, issue, api):
        token = issue(alice, quota=usd("1")).token
        Token.objects.update(used=usd("0.5"))
        refused(api(alice)("patch", f"/{token.public_id}", {"quota": 249_999}), "quota")
        assert api(alice)("patch", f"/{token.public_id}", {"quota": 250_000})[0] == 200

    def test_disable_and_enable(self, alice, issue, api):
        token = issue(alice).token
        for action, status in (("disable", "REVOKED"), ("disable", "REVOKED"), ("enable", "ACTIVE")):
            answer = api(alice)("patch", f"/{token.public_id}/{action}")
            assert answer == (200, {"ok": True, "token": {"id": token.public_id, "status": status}})

    def test_delete(self, alice, issue, api):
        token = issue(alice).token
        assert api(alice)("delete", f"/{token.public_id}") == (200, {"ok": True})
        assert api(alice)("delete", f"/{token.public_id}")[0] == 404
        assert Token.objects.get().name == "prod"

    def test_rotate_and_stop_the_key_before(self, alice, issue, api):
        old = issue(alice)
        path = f"/{old.token.public_id}"
        status, body = api(alice)("post", f"{path}/rotate", {})
        assert (status, set(body)) == (200, {"ok", "token", "plainKey", "formerKeyUntil"})
        assert body["token"]["maskedKey"].endswith(body["plainKey"][-4:])
        assert all(token_by_key(key) for key in (old.plain_key, body["plainKey"]))
        assert api(alice)("delete", f"{path}/former-key") == (200, {"ok": True})
        assert token_by_key(old.plain_key) is None
        status, last = api(alice)("post", f"{path}/rotate", {"atOnce": True})
        assert (status, last["formerKeyUntil"]) == (200, None)
        assert token_by_key(body["plainKey"]) is None
        refused(api(alice)("post", f"{path}/rotate", {"atOnce": "false"}), "atOnce")


class TestWho:
    METHODS = [
        *[("patch", ""), ("patch", "/disable"), ("patch", "/enable"), ("delete", "")],
        *[("post", "/rotate"), ("delete", "/former-key")],
    ]

    @pytest.mark.parametrize(("method", "action"), METHODS)
    def test_somebody_elses_token_is_not_there(self, alice, bob, issue, api, method, action):
        token = issue(alice).token
        answer = api(bob)(method, f"/{token.public_id}{action}", {})
        assert answer[0] == 404
        assert answer == api(bob)(method, f"/key_nosuchtoken{action}", {})
        token.refresh_from_db()
        assert token.status == Token.Status.ENABLED

    @pytest.mark.parametrize(("method", "path"), [("get", ""), ("post", ""), ("patch", "/key_x"), ("delete", "/key_x")])
    def test_nobody_signed_in(self, db, method, path):
        response = getattr(Client(), method)(f"/api/tokens{path}", {}, content_type="application/json")
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "UNAUTHORIZED"

    @pytest.mark.parametrize(("method", "action"), [*METHODS, ("post", None)])
    def test_a_write_without_csrf_token_is_refused(self, alice, issue, method, action):
        token = issue(alice).token
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        path = "/api/tokens" if action is None else f"/api/tokens/{token.public_id}{action}"
        response = getattr(client, method)(path, {"displayName": "k"}, content_type="application/json")
        assert response.status_code == 403
        assert response.json()["ok"] is False
        assert Token.objects.get().is_enabled

    def test_with_csrf_token_it_passes(self, alice, standard):
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        client.cookies["csrftoken"] = "a" * 32
        response = client.post(
            "/api/tokens", {"displayName": "k"}, content_type="application/json", headers={"X-CSRFToken": "a" * 32}
        )
        assert response.status_code == 201

    @pytest.mark.parametrize("path", ["/nonsense", "/key_%00", "/key_A", "/1"])
    def test_an_id_that_cannot_be_one(self, alice, api, path):
        assert api(alice)("patch", path, {})[0] == 404
