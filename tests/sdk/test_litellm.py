"""LiteLLM as a client, in OpenAI's and in Anthropic's dialect."""

import pytest

from tests.sdk.conftest import settled
from tests.sdk.other_clients import ask_by_python

pytestmark = pytest.mark.live

MODELS = ("sandbox-mini", "sandbox-error-429", "sandbox-error-500")


def test_litellm(caller_of):
    alice = caller_of(models=MODELS)
    told = ask_by_python("ask_by_litellm.py", "litellm", alice)
    paid = [record for record in settled(alice) if record.charge]
    for dialect, endpoint in (("openai", "chat.completions"), ("anthropic", "messages")):
        said = told[dialect]
        assert said["text"] == said["streamed"] != ""
        assert said["called"] == ["look"]
        whole, streamed, _tools = [record for record in paid if record.endpoint == endpoint][:3]
        assert (said["tokens"], said["streamed_tokens"]) == (whole.output_tokens, streamed.output_tokens)
    assert {told["response"], *told["at_once"]} == {told["openai"]["text"]}
    assert len(paid) == 3 + 3 + 3 + 1
    assert told["errors"] == {
        "key": "AuthenticationError",
        "model": "NotFoundError",
        "limit": "RateLimitError",
        "upstream": "BadGatewayError",
    }
