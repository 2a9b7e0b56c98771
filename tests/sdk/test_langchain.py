"""LangChain as a client: its chat model for OpenAI."""

import pytest

from tests.sdk.conftest import settled
from tests.sdk.other_clients import ask_by_python

pytestmark = pytest.mark.live

MODELS = ("sandbox-mini", "sandbox-error-429", "sandbox-error-500")


def test_langchain(caller_of):
    alice = caller_of(models=MODELS)
    told = ask_by_python("ask_by_langchain.py", "langchain_openai", alice)
    paid = [record for record in settled(alice) if record.charge]
    assert told["text"] == told["streamed"] != ""
    assert (told["tokens"], told["streamed_tokens"]) == (paid[0].output_tokens, paid[1].output_tokens)
    assert {told["response"], *told["at_once"]} == {told["text"]}
    assert told["called"] == ["look"]
    assert "Seen:" in told["after_tool"]
    assert set(told["parsed"]) == {"name", "people"}
    assert len(paid) == 2 + 2 + 3 + 1 + 1
    assert {record.endpoint for record in paid} == {"chat.completions", "responses"}
    assert told["errors"] == {"key": 401, "model": 404, "limit": 429, "upstream": 502}
