"""The official client asks, a scripted chat model answers, and the client understands what it gets."""

import anthropic
import orjson
import pytest

from config.kernel.errors import DomainError, InsufficientCredit, InvalidInput, UpstreamFailed
from relay.dialects.messages import CONVERSION, error_body, parse
from tests.live import serving

USAGE = {"prompt_tokens": 30, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 10}}
QUESTION = {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": "Look at 1 and 2."}]}
THINKING = {"type": "enabled", "budget_tokens": 1024}
LOOK = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"at": {}}}}


class Model:
    """Answers chat completions with what the test wrote, and keeps what it was asked."""

    def __init__(self):
        self.asked = None
        self.said = {}
        self.finish = "stop"
        self.chunks = []
        self.error = None

    def whole(self):
        choice = {"index": 0, "message": {"role": "assistant", **self.said}, "finish_reason": self.finish}
        return {"id": "chatcmpl-1", "choices": [choice], "usage": USAGE}


class Gateway:
    """An ASGI application of nothing but the conversion."""

    def __init__(self, model):
        self._model = model

    async def __call__(self, scope, receive, send):
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        try:
            kind, pieces = self._answer(parse(raw))
            status = 200
        except DomainError as error:
            body = error_body(error, request_id="r1")
            status, kind, pieces = error.status, b"application/json", [orjson.dumps(body)]
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    def _answer(self, request):
        self._model.asked = CONVERSION.chat_payload(request.payload)
        options = {"payload": request.payload, "model": request.model, "request_id": "r1"}
        if request.is_stream:
            return b"text/event-stream", self._events(CONVERSION.stream(**options))
        if self._model.error:
            raise self._model.error
        return b"application/json", [orjson.dumps(CONVERSION.answer(self._model.whole(), **options))]

    def _events(self, stream):
        pieces = [stream.chunk(chunk) for chunk in self._model.chunks]
        return [*pieces, stream.error(self._model.error) if self._model.error else stream.finish(USAGE)]


@pytest.fixture(scope="module")
def served():
    model = Model()
    with serving(Gateway(model), lifespan="off") as url:
        yield url, model


@pytest.fixture
def model(served):
    served[1].__init__()
    return served[1]


@pytest.fixture
def client(served):
    with anthropic.Anthropic(base_url=served[0], api_key="sk-test", max_retries=0) as client:
        yield client


def delta(finish=None, **fields):
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call(index, id=None, name=None, arguments=""):
    head = {"id": id, "type": "function"} if id else {}
    return {"index": index, **head, "function": {"arguments": arguments, **({"name": name} if name else {})}}


INTERLEAVED = [
    delta(role="assistant", content=None, reasoning_content="Two "),
    delta(reasoning_content="calls."),
    delta(content="Let me "),
    delta(content="look."),
    delta(tool_calls=[call(0, "call_1", "look", '{"at"'), call(1, "call_2", "look", '{"at"')]),
    delta(tool_calls=[call(1, arguments=":2}")]),
    delta(tool_calls=[call(0, arguments=":1}")]),
    delta("tool_calls"),
    {"choices": [], "usage": USAGE},
]
BLOCKS = [
    ("thinking", "Two calls."),
    ("text", "Let me look."),
    ("tool_use", {"at": 1}),
    ("tool_use", {"at": 2}),
]


def read(message):
    fields = {"thinking": "thinking", "text": "text", "tool_use": "input"}
    return [(block.type, getattr(block, fields[block.type])) for block in message.content]


def used(message):
    return message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens


def test_a_whole_answer(client, model):
    calls = [call(0, "call_1", "look", '{"at":1}'), call(1, "call_2", "look", '{"at":2}')]
    model.said = {"reasoning_content": "Two calls.", "content": "Let me look.", "tool_calls": calls}
    model.finish = "tool_calls"
    message = client.messages.create(**QUESTION, thinking=THINKING, tools=[LOOK])
    assert read(message) == BLOCKS
    assert (message.type, message.role, message.model, message.stop_reason) == (
        "message",
        "assistant",
        "claude-x",
        "tool_use",
    )
    assert used(message) == (20, 10, 7)
    assert model.asked["tools"][0]["function"]["name"] == "look"
    assert model.asked["reasoning_effort"] == "low"


def test_a_stream_accumulates(client, model):
    model.chunks = INTERLEAVED
    with client.messages.stream(**QUESTION, thinking=THINKING, tools=[LOOK]) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert read(message) == BLOCKS
    assert message.stop_reason == "tool_use"
    assert used(message) == (20, 10, 7)
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 4
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert model.asked["stream_options"] == {"include_usage": True}


def test_text_streams_piece_by_piece(client, model):
    model.chunks = [delta(content="Hel"), delta(content="lo"), delta("stop")]
    with client.messages.stream(**QUESTION) as stream:
        assert list(stream.text_stream) == ["Hel", "lo"]
        assert stream.get_final_message().stop_reason == "end_turn"


def test_a_stream_without_content(client, model):
    with client.messages.stream(**QUESTION) as stream:
        assert stream.get_final_message().content == []


def test_the_second_turn_of_a_conversation_with_tools(client, model):
    model.chunks = INTERLEAVED
    with client.messages.stream(**QUESTION, thinking=THINKING, tools=[LOOK]) as stream:
        first = stream.get_final_message()
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "A cat"}
        for block in first.content
        if block.type == "tool_use"
    ]
    model.said = {"content": "Two cats."}
    turns = [*QUESTION["messages"], {"role": "assistant", "content": first.content}]
    second = client.messages.create(
        **{**QUESTION, "messages": [*turns, {"role": "user", "content": results}]}, thinking=THINKING, tools=[LOOK]
    )
    assert read(second) == [("text", "Two cats.")]
    assistant, *tools = model.asked["messages"][1:]
    assert [call["function"]["arguments"] for call in assistant["tool_calls"]] == ['{"at":1}', '{"at":2}']
    assert [tool["tool_call_id"] for tool in tools] == ["call_1", "call_2"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidInput("No."), anthropic.BadRequestError),
        (InsufficientCredit("No."), anthropic.APIStatusError),
        (UpstreamFailed("No."), anthropic.InternalServerError),
    ],
)
def test_errors_are_the_clients_own(client, model, error, expected):
    model.error = error
    with pytest.raises(expected) as caught:
        client.messages.create(**QUESTION)
    assert caught.value.status_code == error.status
    assert caught.value.body == error_body(error, request_id="r1")


def test_an_error_in_a_stream(client, model):
    model.chunks = [delta(content="Hel")]
    model.error = UpstreamFailed("It broke.")
    with client.messages.stream(**QUESTION) as stream, pytest.raises(anthropic.APIStatusError, match="It broke"):
        stream.get_final_message()
