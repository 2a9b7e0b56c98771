"""One installation, several host names: the face of each, who may act there, and where new customers start."""

import json

import pytest
from asgiref.sync import async_to_sync
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory

from accounts.models import User
from config import hosts
from config.hosts import KnownHosts
from relay.v1 import ModelList, UnknownPath
from tests.factories import make_group
from tokens import sites
from tokens.config_version import current_versions
from tokens.models import Site
from tokens.selectors import default_group_of

AI, API = "ai.example.com", "api.example.com"
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="#123456"/></svg>'


@pytest.fixture(autouse=True)
def known(settings, db):
    settings.ALLOWED_HOSTS = KnownHosts(["testserver"])
    settings.SITE_URL, settings.API_BASE_URL = "https://console.example.com", "https://console.example.com/v1"


def make_site(host=AI, **fields):
    site = Site(host=host, **({"name": "Acme AI"} | fields))
    site.full_clean()
    site.save()
    sites.load()
    return site


def at(host, path, **more):
    return Client().get(path, headers={"host": host}, **more)


def test_a_host_shows_its_own_face(settings):
    make_site(logo=LOGO, accent="violet")
    page = at(AI, "/").content.decode()
    assert "<title>" in page
    assert "Acme AI" in page
    assert 'data-accent="violet"' in page
    assert "data:image/svg+xml;base64," in page
    assert "https://ai.example.com/v1" in page
    other = at("testserver", "/").content.decode()
    assert at(AI, "/api/schema").json()["info"]["title"] == "Acme AI site API"
    assert "Acme AI" not in other
    assert settings.SITE_NAME in other


def test_docs_and_samples_name_the_base_url_of_the_host():
    make_site(api_base_url="https://api.example.com/v1/")
    page = at(AI, "/").content.decode()
    assert "https://api.example.com/v1/chat/completions" in page
    assert "https://ai.example.com/v1" not in page


def test_an_unknown_host_is_refused_and_so_is_one_that_was_switched_off():
    assert at("evil.example", "/").status_code == 400
    assert at(AI, "/").status_code == 400
    make_site()
    assert at(AI, "/").status_code == 200
    assert at("sub." + AI, "/").status_code == 400
    make_site("off.example.com", is_active=False)
    assert at("off.example.com", "/").status_code == 400


def test_an_api_host_has_no_pages(alice):
    make_site(API, kind="api")
    for path in ("/", "/accounts/login/", "/dashboard", "/admin/", "/api/tokens"):
        response = at(API, path)
        assert (path, response.status_code) == (path, 404)
        assert "https://api.example.com/v1" in response.json()["error"]["message"]
    assert at(API, "/healthz").status_code == 200


def told_by_the_relay(host, path="/v1/models"):
    request = RequestFactory().get(path, headers={"host": host, "authorization": "Bearer sk-unknown"})
    view = (ModelList if path == "/v1/models" else UnknownPath).as_view()
    return json.loads(async_to_sync(view)(request).content)["error"]["message"]


def test_refusals_of_the_relay_name_the_pages_of_the_brand():
    make_site()
    make_site(API, kind="api")
    assert told_by_the_relay(AI).endswith(" https://ai.example.com/tokens")
    for host in ("testserver", "203.0.113.7", API):
        assert told_by_the_relay(host).endswith(" https://console.example.com/tokens")
    assert told_by_the_relay(AI, "/v1/nothing").endswith(" https://ai.example.com/v1")


def test_an_api_host_names_the_pages_of_the_one_brand_that_shows_it():
    make_site(API, kind="api")
    make_site(api_base_url="https://api.example.com/v1")
    assert told_by_the_relay(API).endswith(" https://ai.example.com/tokens")
    make_site("biz.example.com", api_base_url="https://api.example.com/v1")
    assert told_by_the_relay(API).endswith(" https://console.example.com/tokens")


def test_who_signs_up_at_a_brand_starts_in_its_group():
    make_group("default", is_default=True, is_public=True)
    make_site(group=make_group("business", ratio_ppm=800_000))
    for host, email in ((AI, "dora@example.com"), ("testserver", "erin@example.com")):
        form = {"email": email, "password1": "correct horse battery"}
        assert Client().post("/accounts/signup/", form, headers={"host": host}).status_code == 302
    groups = [default_group_of(User.objects.get(email=f"{name}@example.com")).code for name in ("dora", "erin")]
    assert groups == ["business", "default"]


def test_mail_carries_the_brand_and_leads_to_its_host(alice):
    make_site()
    client = Client()
    client.post("/accounts/password/reset/", {"email": alice.email}, headers={"host": AI})
    message = mail.outbox[-1]
    assert message.subject.startswith("Acme AI: ")
    assert message.from_email.startswith("Acme AI <")
    assert f"https://{AI}/accounts/password/reset/key/" in message.body
    assert message.body.rstrip().endswith("https://ai.example.com")


def test_the_language_of_a_host_holds_until_another_is_chosen():
    make_site(language="zh-hans")
    assert 'lang="zh-Hans"' in at(AI, "/").content.decode()
    client = Client()
    client.cookies["django_language"] = "en"
    assert 'lang="en"' in client.get("/", headers={"host": AI}).content.decode()


def test_a_page_of_an_entered_host_may_post_behind_a_proxy_that_ends_tls():
    make_site()
    client = Client(enforce_csrf_checks=True)
    client.get("/accounts/login/", headers={"host": AI})
    form = {"login": "x@example.com", "password": "y", "csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    good = client.post("/accounts/login/", form, headers={"host": AI, "origin": f"https://{AI}"})
    bad = client.post("/accounts/login/", form, headers={"host": AI, "origin": "https://evil.example"})
    assert (good.status_code, bad.status_code) == (200, 403)


def test_every_process_hears_of_a_change():
    sites.refresh(current_versions())
    make_site()
    hosts.TABLE.brands = {}  # as another process knows them
    sites.refresh(current_versions())
    assert at(AI, "/").status_code == 200
    Site.objects.get().delete()
    sites.refresh(current_versions())
    assert at(AI, "/").status_code == 400


def test_reading_a_page_asks_for_the_sites_no_more_often_than_they_change(django_assert_num_queries):
    make_site()
    request = RequestFactory().get("/", headers={"host": AI})
    with django_assert_num_queries(0):
        assert sites.brand_of(request).name == "Acme AI"


@pytest.mark.parametrize(
    "logo",
    [
        '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        '<svg xmlns="http://www.w3.org/2000/svg"><foreignObject/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"><use x:href="//evil/x"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><rect fill="url(https://evil.example)"/></svg>',
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>',
        "<html/>",
        "data:text/html;base64,PGgxPg==",
        "data:image/png;base64,PGgxPg==",
        "https://evil.example/logo.png",
    ],
)
def test_a_logo_can_only_be_looked_at(logo):
    with pytest.raises(ValidationError):
        make_site(logo=logo)


@pytest.mark.parametrize("host", ["https://ai.example.com", "ai.example.com:8443", "AI.example.com", "a/b", "*", ""])
def test_a_host_is_a_plain_name(host):
    with pytest.raises(ValidationError):
        make_site(host)


def test_the_operator_reads_what_will_happen(client_of, carol):
    site = make_site(group=make_group("business"))
    page = client_of(carol).get(f"/admin/tokens/site/{site.pk}/change/").content.decode()
    assert "https://ai.example.com shows the pages of “Acme AI”" in page
    assert "starts in the group: business" in page
