"""The status page: what counts as a failure, hour by hour, and what it never tells."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import UsageRecord
from billing.rollups import roll_up_usage
from billing.spans import floor_hour
from config.models import Announcement
from relay.model_hours import note_model_hours, status_span
from relay.models import Channel, ModelHour
from relay.status import Outcomes, State, current_status
from relay.tasks import note_model_hours as task
from tests.billing.usage_rows import NOW, make_record, make_records, minutes_before
from tests.factories import make_channel, make_group, make_price, make_token
from tests.relay.conftest import relay  # noqa: F401 - a fixture

SECRET_NAME, SECRET_HOST = "Acme reseller account 7", "upstream.acme.internal"
pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db):
    """Two models on sale, one of them by a channel whose name is nobody's business."""
    make_price("gpt-5.1", provider="openai")
    make_price("glm-4.6", provider="zhipu")
    make_channel(f"http://{SECRET_HOST}/v1", name=SECRET_NAME, models=("gpt-5.1", "glm-4.6"), groups=[make_group()])


@pytest.fixture
def token(alice):
    return make_token(alice)


def failing(token, moments, **values):
    return make_records(token, moments, status="failed", **values)


def status_of(model, now=NOW):
    note_model_hours(now=now)
    return next(row for row in current_status(now).models if row.model == model)


def shown(client, **parameters):
    caches["process"].clear()
    return client.get("/status", parameters)


def test_every_model_on_sale_is_listed_without_calls_too(shop):
    found = current_status(NOW)
    assert [(row.model, row.provider) for row in found.models] == [("glm-4.6", "Zhipu (GLM)"), ("gpt-5.1", "OpenAI")]
    assert found.state == State.NONE
    assert {cell.outcomes for row in found.models for cell in row.hours} == {Outcomes()}


def test_shares_and_medians_by_hour(shop, token):
    earlier = [NOW - timedelta(hours=3, minutes=minute) for minute in range(4)]
    make_records(token, earlier[:3], model="gpt-5.1", first_byte_ms=500)
    failing(token, earlier[3:], model="gpt-5.1")
    make_records(token, minutes_before(NOW, 2), model="gpt-5.1", first_byte_ms=200)
    row = status_of("gpt-5.1")
    by_hour = {cell.at: cell.outcomes for cell in row.hours}
    assert by_hour[floor_hour(NOW)] == Outcomes(2, 0, 200)
    assert by_hour[floor_hour(NOW) - timedelta(hours=3)] == Outcomes(3, 1, 500)
    assert (row.whole.answered, row.whole.failed, row.whole.share_ppm) == (5, 1, 833_333)
    assert len(row.hours) == 24


@pytest.mark.parametrize(
    ("values", "counted"),
    [
        ({"status": "settled", "end_reason": "completed"}, (1, 0)),
        ({"status": "settled", "end_reason": "client_gone"}, (1, 0)),
        ({"status": "failed", "end_reason": "upstream_error"}, (0, 1)),
        ({"status": "failed", "end_reason": "upstream_timeout"}, (0, 1)),
        ({"status": "failed", "end_reason": "truncated"}, (0, 1)),
        ({"status": "failed", "end_reason": "internal_error"}, (0, 1)),
        ({"status": "abandoned", "end_reason": "crashed"}, (0, 1)),
        ({"status": "failed", "end_reason": "rejected"}, (0, 0)),  # the caller's own mistake
        ({"status": "failed", "end_reason": "client_gone"}, (0, 0)),
        ({"status": "failed", "end_reason": "revoked"}, (0, 0)),
        ({"status": "open", "end_reason": ""}, (0, 0)),
    ],
)
def test_what_counts(shop, token, values, counted):
    make_record(token, at=NOW - timedelta(minutes=5), model="gpt-5.1", **values)
    whole = status_of("gpt-5.1").whole
    assert (whole.answered, whole.failed) == counted


@pytest.mark.parametrize(
    ("answered", "failed", "state"),
    [
        (0, 0, "none"),
        (1, 0, "good"),
        (99, 1, "good"),
        (98, 2, "warn"),
        (0, 2, "warn"),  # too few to cry wolf
        (17, 3, "bad"),
        (0, 3, "bad"),
    ],
)
def test_states(answered, failed, state):
    assert Outcomes(answered, failed).state == state


def test_the_sentence_of_the_whole_site(shop, token):
    make_records(token, minutes_before(NOW, 10), model="gpt-5.1")
    note_model_hours(now=NOW)
    assert current_status(NOW).state == State.GOOD
    failing(token, minutes_before(NOW, 5), model="glm-4.6")
    note_model_hours(now=NOW)
    assert (current_status(NOW).state, current_status(NOW).failing) == (State.WARN, 1)
    failing(token, minutes_before(NOW, 20), model="gpt-5.1")
    note_model_hours(now=NOW)
    assert current_status(NOW).state == State.BAD


def test_what_lies_a_day_back_is_forgotten(shop, token):
    failing(token, [status_span(NOW).start - timedelta(minutes=1)], model="gpt-5.1")
    assert status_of("gpt-5.1").whole == Outcomes()


def test_final_hours_are_not_counted_again(shop, token):
    make_records(token, [NOW - timedelta(hours=4), NOW - timedelta(hours=1)], model="gpt-5.1")
    while roll_up_usage(now=NOW):
        pass
    note_model_hours(now=NOW)
    make_records(token, [NOW - timedelta(minutes=1)], model="gpt-5.1")
    with CaptureQueriesContext(connection) as asked:
        note_model_hours(now=NOW)
    read = [query["sql"] for query in asked if UsageRecord._meta.db_table in query["sql"] and "COUNT" in query["sql"]]
    assert len(read) == 1
    assert status_of("gpt-5.1").whole.answered == 3


def test_an_hour_that_is_counted_again_replaces_its_row(shop, token):
    make_records(token, [NOW - timedelta(minutes=2)], model="gpt-5.1")
    note_model_hours(now=NOW)
    failing(token, [NOW - timedelta(minutes=1)], model="gpt-5.1")
    note_model_hours(now=NOW)
    assert list(ModelHour.objects.values_list("answered", "failed")) == [(1, 1)]


def test_rows_do_not_pile_up(shop, token):
    ModelHour.objects.create(hour=NOW - timedelta(days=30), model="gpt-5.1", answered=1, failed=0)
    note_model_hours(now=NOW)
    assert not ModelHour.objects.exists()


def test_the_number_of_statements_does_not_depend_on_anything(shop, token, client):
    def statements():
        caches["process"].clear()
        with CaptureQueriesContext(connection) as asked:
            client.get("/status")
        return len(asked)

    few = statements()
    make_records(token, minutes_before(timezone.now(), 120), model="gpt-5.1")
    task()
    assert statements() == few <= 7


def test_the_page_is_kept_for_a_moment(shop, client):
    shown(client)
    with CaptureQueriesContext(connection) as asked:
        client.get("/status")
    assert not any(ModelHour._meta.db_table in query["sql"] for query in asked)


def test_the_page(shop, token, client):
    failing(token, minutes_before(timezone.now(), 4, step=0), model="gpt-5.1", channel_name=SECRET_NAME)
    make_records(token, minutes_before(timezone.now(), 2, step=0), model="glm-4.6", channel_name=SECRET_NAME)
    task()
    page = shown(client).content.decode()
    assert "1 model is failing, the others are answering" in page
    assert "gpt-5.1" in page
    assert page.count("v24h-8z") == 48
    for secret in (SECRET_NAME, SECRET_HOST, token.name, "alice"):
        assert secret not in page


def test_a_models_hours_as_a_table(shop, client):
    page = shown(client, model="gpt-5.1").content.decode()
    assert "Hours of gpt-5.1" in page
    assert shown(client, model="no such model").status_code == 200


def test_a_model_whose_channels_gave_way_stays_in_sight_and_a_withdrawn_one_does_not(shop):
    Channel.objects.update(status=Channel.Status.AUTO_DISABLED)
    assert len(current_status(NOW).models) == 2
    Channel.objects.update(status=Channel.Status.DISABLED)
    assert current_status(NOW).models == ()


def test_drills_and_closed_groups_are_not_shown(db):
    make_price("drill", tags=["fault drill"])
    make_price("vip-model")
    make_channel("http://127.0.0.1:9/v1", models=("drill",), groups=[make_group()])
    make_channel("http://127.0.0.1:9/v1", models=("vip-model",), groups=[make_group("vip", is_public=False)])
    assert current_status(NOW).models == ()


def test_before_anything_is_on_sale(client, db):
    assert "No models yet" in shown(client).content.decode()


@pytest.mark.soak  # each page in each theme; the tour of all pages (tests/journeys) is made every time
@pytest.mark.browser
@pytest.mark.live
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers_and_no_sideways_scrolling(relay, new_page, shop, token, scheme):  # noqa: F811 - the fixture above
    failing(token, minutes_before(timezone.now(), 4, step=0), model="gpt-5.1")
    make_records(token, minutes_before(timezone.now(), 2, step=0), model="glm-4.6")
    task()
    for tone in Announcement.Tone:
        Announcement.objects.create(text=f"A notice, see https://example.com/{'long' * 20}", tone=tone)
    page = new_page(base_url=relay.removesuffix("/v1"), color_scheme=scheme, viewport={"width": 360, "height": 780})
    for path in ("/status", "/status?model=gpt-5.1", "/about"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["target"]) for each in found] == [], path
