"""A call without max_tokens whose longest answer the balance does not cover gets as long an answer as it pays for."""

import pytest

from billing.pricing import upper_bound
from billing.proof import check_books
from config.kernel.money import usd
from relay.dialects.chat import CHAT
from tests.relay.conftest import chat
from tests.relay.odd_upstream import Answer, odd_upstream

pytestmark = [pytest.mark.money, pytest.mark.live]
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "model": "any",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "so"}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 900, "total_tokens": 909},
}


def ask(caller_of, model="sandbox-mini", balance="0.002", **fields):
    """The answer to one call at a dollar in and two out per million, and the body that the upstream got."""
    with odd_upstream(chat=Answer(ANSWER, headers={"Content-Type": "application/json"})) as upstream:
        alice = caller_of(models=[model], balance=balance, channels=[{"base_url": upstream.base_url}])
        answer = alice.post(chat(model=model, **fields))
    return alice, answer, upstream.asked[-1][2] if upstream.asked else None


def test_the_answer_is_as_long_as_the_balance_affords(caller_of):
    alice, answer, sent = ask(caller_of)
    assert answer.status_code == 200
    assert answer.headers["X-Tollbooth-Max-Tokens"] == str(sent["max_tokens"])
    (record,) = alice.records
    assert record.hold == usd("0.002")
    prompt = CHAT.parse(answer.request.body).prompt_bound

    def cost_of(tokens):
        return upper_bound(prompt_tokens=prompt, completion_tokens=tokens, quote=record.quote)

    assert cost_of(sent["max_tokens"]) <= usd("0.002") < cost_of(sent["max_tokens"] + 1)
    assert record.charge == 9 * usd("0.000001") + 900 * usd("0.000002")
    assert check_books() == []


def test_several_choices_share_what_is_left(caller_of):
    alice, answer, sent = ask(caller_of, balance="0.004", n=3)
    (record,) = alice.records
    prompt, each = CHAT.parse(answer.request.body).prompt_bound, sent["max_tokens"]
    all_of_it, more = (
        upper_bound(prompt_tokens=prompt, completion_tokens=3 * tokens, quote=record.quote)
        for tokens in (each, each + 1)
    )
    assert all_of_it <= usd("0.004") < more


def test_models_that_refuse_max_tokens_get_its_successor(caller_of):
    _, _, sent = ask(caller_of, model="gpt-5-mini")
    assert "max_tokens" not in sent
    assert sent["max_completion_tokens"] > 256


def test_the_quota_of_the_key_counts_too(caller_of):
    with odd_upstream(chat=Answer(ANSWER, headers={"Content-Type": "application/json"})) as upstream:
        alice = caller_of(models=["sandbox-mini"], channels=[{"base_url": upstream.base_url}], quota=usd("0.003"))
        alice.post(chat())
    assert alice.records[0].hold == usd("0.003")
    assert upstream.asked[0][2]["max_tokens"] < 1_500


def test_who_can_pay_is_asked_nothing_else(caller_of):
    _, answer, sent = ask(caller_of, balance="1")
    assert "max_tokens" not in sent
    assert "X-Tollbooth-Max-Tokens" not in answer.headers


def test_who_says_how_long_is_taken_at_their_word(caller_of):
    alice, answer, sent = ask(caller_of, max_tokens=2_000)
    assert (answer.status_code, sent) == (402, None)
    assert "max_tokens" in answer.json()["error"]["message"]
    assert alice.records == []


def test_too_little_for_any_answer_is_refused_before_the_upstream(caller_of):
    alice, answer, sent = ask(caller_of, balance="0.0005")
    assert (answer.status_code, sent) == (402, None)
    assert "/topup" in answer.json()["error"]["message"]
    assert alice.records == []


def test_a_stream_stops_where_the_money_does(caller_of):
    alice = caller_of(models=["sandbox-mini"], balance="0.0008")
    stream = alice.sdk.chat.completions.create(**chat(content="Tell me a long story"), stream=True)
    assert [chunk.choices[0].finish_reason for chunk in stream if chunk.choices][-1] in ("length", "stop")
    assert 0 <= alice.wallet.balance < usd("0.0008")
    assert check_books() == []
