"""What an upstream says it used is hostile until checked: nonsense is counted here, and no hold is ever exceeded."""

import pytest

from tests.relay.misbehaviours import HUGE_USAGE, MAD_USAGE

pytestmark = pytest.mark.live

WANTS_USAGE = {"stream_options": {"include_usage": True}}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", MAD_USAGE)
def test_usage_that_makes_no_sense_is_counted_here(case, kind, stream):
    model = f"usage-{kind}"
    here = case(model)
    told = here.ask(model, stream=stream)
    assert told.text == "One two three four five."
    record = here.bill(told)
    assert (record.status, record.rule, record.is_suspect) == ("settled", "delivered", True)
    assert record.charge > 0


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", HUGE_USAGE)
def test_usage_beyond_all_measure_costs_no_more_than_was_held(case, kind, stream):
    model = f"usage-{kind}"
    here = case(model)
    here.ask(model, stream=stream, max_tokens=50)
    record = here.bill()
    assert record.is_suspect
    assert 0 < record.charge <= record.hold


@pytest.mark.parametrize("kind", MAD_USAGE)
def test_who_asks_for_usage_is_told_what_is_charged_instead(case, kind):
    model = f"usage-{kind}"
    here = case(model)
    told = here.ask(model, **WANTS_USAGE)
    record = here.bill(told)
    assert told.is_complete
    assert told.usage == {
        "prompt_tokens": record.input_tokens,
        "completion_tokens": record.output_tokens,
        "total_tokens": record.input_tokens + record.output_tokens,
    }


def test_usage_that_never_came_is_made_for_who_asked(case):
    here = case("no-usage")
    told = here.ask("no-usage", **WANTS_USAGE)
    record = here.bill(told)
    assert told.usage["completion_tokens"] == record.output_tokens == 6
    assert (record.rule, record.is_suspect) == ("delivered", False)
    assert b'"usage"' not in here.ask("no-usage").body


@pytest.mark.parametrize(
    ("model", "tokens", "is_suspect"),
    [
        ("usage-twice", 7, False),  # the last before the end, never the sum
        ("usage-then-more", 1 + 100, True),  # what came after it is counted here
        ("usage-after-done", 6, False),  # after the end nothing counts
        ("usage-with-each-word", 5, False),
    ],
)
def test_usage_at_odd_places(case, model, tokens, is_suspect):
    here = case(model)
    told = here.ask(model)
    assert told.is_complete
    record = here.bill(told)
    assert (record.output_tokens, record.is_suspect) == (tokens, is_suspect)
