"""Announcements: when they are shown, to whom, and how they are put away without a script."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.announcements import COOKIE, KEPT
from config.models import Announcement
from tests.relay.conftest import relay  # noqa: F401 - a fixture

NOTICE = "Prices of images fall on Monday."


@pytest.fixture
def notice(db):
    return Announcement.objects.create(text=NOTICE, text_zh="周一图像降价。")


def put_away(client, announcement, **headers):
    return client.post("/announcements/dismiss", {"mark": announcement.mark, "next": "/pricing"}, headers=headers)


def test_on_public_pages_and_in_the_console(client, client_of, alice, notice):
    for page in (client.get("/"), client.get("/docs"), client_of(alice).get("/dashboard")):
        assert NOTICE in page.content.decode()


def test_in_the_readers_language(client, notice):
    client.cookies["django_language"] = "zh-hans"
    assert "周一图像降价。" in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("begins", "ends", "shown"), [(-2, None, True), (-2, 1, True), (-2, -1, False), (1, None, False), (1, 2, False)]
)
def test_in_its_time_only(client, db, begins, ends, shown):
    now = timezone.now()
    Announcement.objects.create(
        text=NOTICE,
        shown_from=now + timedelta(hours=begins),
        shown_until=now + timedelta(hours=ends) if ends is not None else None,
    )
    assert (NOTICE in client.get("/").content.decode()) == shown


def test_put_away_by_a_form_it_stays_away(client, notice):
    response = put_away(client, notice)
    assert (response.status_code, response.url) == (302, "/pricing")
    assert NOTICE not in client.get("/pricing").content.decode()


def test_others_still_see_it(client, client_of, bob, notice):
    put_away(client, notice)
    assert NOTICE in client_of(bob).get("/").content.decode()


def test_a_changed_text_is_shown_again(client, notice):
    put_away(client, notice)
    later = notice.changed_at + timedelta(minutes=1)
    Announcement.objects.filter(pk=notice.pk).update(text="Not Monday.", changed_at=later)
    assert "Not Monday." in client.get("/").content.decode()


def test_a_script_is_answered_with_nothing_to_show(client, notice):
    response = put_away(client, notice, hx_request="true")
    assert (response.status_code, response.content) == (200, b"")
    assert NOTICE not in client.get("/").content.decode()


def test_markup_is_shown_as_text_and_addresses_are_links(client, db):
    Announcement.objects.create(text="<script>alert(1)</script> see https://example.com/x")
    page = client.get("/").content.decode()
    assert "<script>alert(1)" not in page
    assert '<a href="https://example.com/x"' in page


@pytest.mark.parametrize("mark", ["", "1", "1-2;x=y", "-1-2", "a-b", "1-2.3-4", "9" * 40 + "-1"])
def test_nonsense_leaves_no_cookie(client, db, mark):
    assert COOKIE not in client.post("/announcements/dismiss", {"mark": mark}).cookies


def test_the_cookie_does_not_grow_for_ever(client, db):
    for number in range(KEPT + 5):
        client.post("/announcements/dismiss", {"mark": f"{number}-1"})
    marks = client.cookies[COOKIE].value.split(".")
    assert len(marks) == KEPT
    assert marks[-1] == f"{KEPT + 4}-1"


def test_it_leads_nowhere_else(client, notice):
    response = client.post("/announcements/dismiss", {"mark": notice.mark, "next": "https://evil.example/"})
    assert response.url == "/"


def test_a_link_cannot_put_one_away(client, notice):
    assert client.get("/announcements/dismiss").status_code == 405


def test_any_number_costs_one_statement(client, db):
    def statements():
        with CaptureQueriesContext(connection) as asked:
            client.get("/about")
        return len(asked)

    none = statements()
    Announcement.objects.bulk_create(Announcement(text=f"No. {number}") for number in range(5))
    assert statements() == none


def test_staff_writes_them_and_their_end_comes_after_their_beginning(client_of, carol):
    staff = client_of(carol)
    fields = {"text": NOTICE, "tone": "warn", "shown_from_0": "2026-01-02", "shown_from_1": "10:00"}
    wrong = staff.post(
        "/admin/config/announcement/add/", {**fields, "shown_until_0": "2026-01-01", "shown_until_1": "10:00"}
    )
    assert "It has to end after it begins." in wrong.content.decode()
    assert staff.post("/admin/config/announcement/add/", fields).status_code == 302
    assert Announcement.objects.get().tone == "warn"
    assert NOTICE in staff.get("/admin/config/announcement/").content.decode()


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.parametrize("scripts", [True, False])
def test_a_click_puts_one_away(relay, browser, notice, scripts):  # noqa: F811 - the fixture above
    context = browser.new_context(base_url=relay.removesuffix("/v1"), java_script_enabled=scripts, locale="en-US")
    page = context.new_page()
    page.goto("/pricing")
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_text(NOTICE).wait_for(state="detached")
    page.goto("/about")
    assert page.get_by_text(NOTICE).count() == 0
    context.close()
