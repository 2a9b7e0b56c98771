"""Upstreams that never begin: failed over where another may do better, told as it is where none can, always free."""

import pytest

from config.kernel.money import usd
from tests.relay.misbehaviours import ACCOUNT

pytestmark = pytest.mark.live

NO_ANSWER = [
    "closes-at-once",
    "resets-at-once",
    "half-a-status-line",
    "speaks-no-http",
    "a-huge-header",
    "a-bad-chunk-size",
    "a-page-of-html",
    "an-empty-stream",
    "done-at-once",
    "an-error-for-an-answer",
    "an-error-first",
    "no-choices",
    "gzip-that-is-none",
    "a-bomb",
    "brotli",
    "status-302",
    "status-401",
    "status-403",
    "status-418",
    "status-500",
    "status-502",
    "status-503",
    "status-529",
]
SILENT = ["never-answers", "headers-then-silence", "drips-its-headers", "only-comments"]
OURS = {400: 400, 404: 404, 413: 413, 422: 400}
TWO = [{"priority": 9, "name": "first"}, {"name": "second"}]


@pytest.fixture
def impatient(settings):
    settings.RELAY_FIRST_BYTE_TIMEOUT = 0.3
    settings.RELAY_IDLE_TIMEOUT = 0.3
    settings.RELAY_TOTAL_TIMEOUT = 1.5


def is_free(case, told, *, status, code):
    assert (told.status, told.error, told.is_stream) == (status, code, False)
    record = case.bill(told)
    assert (record.status, record.charge, record.http_status) == ("failed", 0, status)
    assert case.alice.wallet.balance == usd("1")
    assert ACCOUNT.encode() not in told.body
    assert case.upstream.base_url.encode() not in told.body
    return record


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", NO_ANSWER)
def test_an_upstream_without_an_answer(case, model, stream):
    here = case(model)
    is_free(here, here.ask(model, stream=stream), status=502, code="upstream_error")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", SILENT)
def test_a_silent_upstream(case, impatient, model, stream):
    here = case(model)
    is_free(here, here.ask(model, stream=stream), status=504, code="upstream_timeout")
    assert here.upstream.happened[model] == 1


@pytest.mark.parametrize("upstreams", OURS)
def test_the_callers_own_mistakes_are_told_and_not_repeated(case, upstreams):
    model = f"status-{upstreams}"
    here = case(model, channels=TWO)
    told = here.ask(model)
    assert (told.status, here.upstream.asked[model]) == (OURS[upstreams], 1)
    assert ACCOUNT.encode() not in told.body
    assert here.bill(told).charge == 0


@pytest.mark.parametrize("model", [*NO_ANSWER, *SILENT, "status-429"])
def test_another_channel_answers_instead(case, request, model):
    if model in SILENT:
        request.getfixturevalue("impatient")
    first = {"priority": 9, "models": {"house": model}, "name": "first"}
    here = case("house", channels=[first, {"models": {"house": "well-behaved"}, "name": "second"}])
    told = here.ask("house")
    assert (told.status, told.text, told.is_complete) == (200, "One two three four five.", True)
    record = here.bill(told, model=model)
    assert [attempt["channel"] for attempt in record.attempts] == ["first", "second"]
    assert (record.status, record.channel_name, record.rule) == ("settled", "second", "reported")
    assert record.output_tokens == 5


@pytest.mark.parametrize("model", ["resets-at-once", "status-500", "status-429"])
def test_attempts_are_bounded_and_have_one_hold(case, model):
    here = case(model, channels=[{"name": f"number {n}"} for n in range(5)])
    here.ask(model)
    assert here.upstream.asked[model] == 3
    record = here.bill()
    assert (len(record.attempts), record.charge) == (3, 0)


def test_every_upstream_at_its_limit_says_when_to_come_back(case):
    here = case("status-429", channels=TWO)
    told = here.ask("status-429")
    assert (told.status, told.headers["Retry-After"]) == (429, "7")
    assert here.bill(told).charge == 0


def test_a_stream_that_is_filtered_is_complete_and_free(case):
    here = case("filtered")
    told = here.ask("filtered")
    assert told.is_complete
    record = here.bill(told)
    assert (record.status, record.charge) == ("settled", 0)
