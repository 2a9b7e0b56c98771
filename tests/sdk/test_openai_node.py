"""OpenAI's client for Node."""

import pytest

from config.kernel.money import usd
from tests.sdk.conftest import settled
from tests.sdk.other_clients import ask_by_node

pytestmark = pytest.mark.live

MODELS = ("sandbox-mini", "sandbox-long", "sandbox-error-429", "sandbox-error-500")


def test_openai_for_node(caller_of):
    alice = caller_of(models=MODELS)
    told = ask_by_node("ask.js", alice)
    whole, tools, *paid, left = [record for record in settled(alice) if record.charge]
    assert told["text"] == told["streamed"] == told["response"] == told["responseStreamed"] != ""
    assert (told["tokens"], usd(told["cost"]), told["request"]) == (whole.output_tokens, whole.charge, str(whole.id))
    assert (told["called"], told["calledTokens"]) == (["look"], tools.output_tokens)
    assert [record.endpoint for record in paid] == ["chat.completions", "responses", "responses"]
    assert (left.model, left.end_reason, left.rule) == ("sandbox-long", "client_gone", "delivered")
    assert told["models"] == sorted(MODELS)
    assert told["errors"] == {
        "key": ["AuthenticationError", 401, "invalid_api_key"],
        "model": ["NotFoundError", 404, "model_not_found"],
        "limit": ["RateLimitError", 429, "rate_limit_exceeded"],
        "upstream": ["InternalServerError", 502, "upstream_error"],
    }
