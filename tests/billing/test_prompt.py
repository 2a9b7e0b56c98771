"""How many tokens a prompt is held for, before anybody has counted it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.prompt import (
    BYTES_PER_DOCUMENT_TOKEN,
    DOCUMENT_BOUND,
    DOCUMENT_ESTIMATE,
    FRAME_ESTIMATE,
    MESSAGE_OVERHEAD,
    PICTURE_BOUND,
    REPLY_OVERHEAD,
    SCALAR_TOKENS,
    prompt_of,
)
from billing.tokenizer import LONGEST_COUNTED, count_tokens, encoding_of, guess_tokens

ENGLISH = "The quick brown fox jumps over the lazy dog. " * 40


def asking(content):
    return {"model": "any", "messages": [{"role": "user", "content": content}], "temperature": 0.5}


def bound(content, model="some-model"):
    return prompt_of(asking(content)).bound(model)


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-mini", "o200k_base"),
        ("openai/gpt-4.1", "o200k_base"),
        ("o3", "o200k_base"),
        ("o4-mini", "o200k_base"),
        ("gpt-5.1", "o200k_base"),
        ("chatgpt-4o-latest", "o200k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-oss-120b", "o200k_harmony"),
        ("claude-sonnet-4", None),
        ("deepseek-chat", None),
        ("o365-helper", None),
    ],
)
def test_whose_tokens_can_be_counted(model, encoding):
    assert encoding_of(model) == encoding


@pytest.mark.parametrize(
    ("text", "encoding", "tokens"),
    [
        ("hello world", "cl100k_base", 2),
        ("tiktoken is great!", "cl100k_base", 6),
        ("你好，世界", "cl100k_base", 6),
        ("你好，世界", "o200k_base", 3),
        ("", "o200k_base", 0),
    ],
)
def test_counts_that_the_makers_of_the_encodings_publish(text, encoding, tokens):
    assert count_tokens([text], encoding=encoding) == tokens


def test_what_is_too_long_to_count_is_guessed():
    assert count_tokens(["a" * (LONGEST_COUNTED + 4), "hello world"]) == LONGEST_COUNTED // 4 + 1 + 2


def test_half_a_surrogate_pair_counts_as_something():
    assert count_tokens(["\ud800 and more"]) == guess_tokens("\ud800 and more")
    assert bound("\ud800") > bound("")


@given(st.text(), st.sampled_from(["gpt-4o", "gpt-4", "some-model"]))
def test_the_bound_of_a_prompt_covers_its_estimate(text, model):
    prompt = prompt_of(asking(text))
    assert prompt.bound(model) >= prompt.estimate(model) > 0


@given(st.text())
def test_no_tokenizer_makes_more_tokens_than_bytes(text):
    for encoding in ("cl100k_base", "o200k_base", "o200k_harmony"):
        assert count_tokens([text], encoding=encoding) <= len(text.encode())


def test_a_known_vocabulary_holds_less():
    assert bound(ENGLISH, "gpt-4o") < bound(ENGLISH, "some-model") / 3


def test_an_image_weighs_the_same_whatever_its_bytes():
    def picture(url):
        return [{"type": "image_url", "image_url": {"url": url}}]

    assert bound(picture("data:" + "A" * 100_000)) == bound(picture("x")) >= PICTURE_BOUND
    assert bound(picture("x"), "gpt-4o-mini") > bound(picture("x"), "gpt-4o")


PDF = "JVBERi0x" * 100_000
LARGE, SMALL = PDF * 10, PDF[:8_000]
DOCUMENTS = {
    "messages": lambda data: {"type": "document", "source": {"type": "base64", "media_type": "m", "data": data}},
    "chat": lambda data: {"type": "file", "file": {"filename": "a.pdf", "file_data": data}},
    "responses": lambda data: {"type": "input_file", "filename": "a.pdf", "file_data": data},
    "sound": lambda data: {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_weighs_less_than_its_bytes(document):
    empty = bound([document("")])
    assert bound([document(SMALL)]) == empty + len(SMALL)
    assert bound([document(LARGE), document(LARGE)]) - bound([document(""), document("")]) == 2 * DOCUMENT_BOUND
    assert bound([document(LARGE)], "gpt-4o") < DOCUMENT_BOUND + 200
    guess, none = (prompt_of(asking([document(data)])).estimate("m") for data in (PDF, ""))
    assert guess - none == len(PDF) // BYTES_PER_DOCUMENT_TOKEN


@pytest.mark.parametrize(
    "document",
    [
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
    ],
)
def test_nobody_can_tell_how_long_a_linked_document_is(document):
    assert bound([document]) - bound([]) == DOCUMENT_BOUND
    assert prompt_of(asking([document])).estimate("m") > DOCUMENT_ESTIMATE


def test_a_document_of_plain_text_is_text():
    source = {"type": "text", "media_type": "text/plain", "data": "word " * 1_000_000}
    assert bound([{"type": "document", "source": source}]) > 5_000_000


def test_what_stands_beside_a_document_counts():
    document = {"type": "file", "file": {"file_data": "AAAA"}, "note": "x" * 1_000_000}
    assert bound([document]) > 1_000_000


def test_every_field_that_reaches_the_model_counts():
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    for field in ({"tools": tools}, {"system": "Be brief."}, {"input": "Hi"}, {"prompt": "Hi"}, {"instructions": "Hi"}):
        assert prompt_of(field).bound("m") > prompt_of({}).bound("m")
    assert prompt_of({"metadata": {"note": "long" * 100}, "user": "alice"}).bound("m") == prompt_of({}).bound("m")


def test_overheads_add_up():
    assert prompt_of({}).bound("m") == REPLY_OVERHEAD
    assert prompt_of({"messages": [1, None]}).bound("m") == REPLY_OVERHEAD + 2 * (MESSAGE_OVERHEAD + SCALAR_TOKENS)


def test_no_nesting_is_too_deep():
    nested: object = "x"
    for _ in range(50_000):
        nested = [nested]
    assert bound(nested) > bound("")


@pytest.mark.parametrize("messages", [None, 7, []])
def test_a_request_without_messages_is_only_framed(messages):
    assert prompt_of({"messages": messages}).bound("m") <= REPLY_OVERHEAD + SCALAR_TOKENS


def test_a_hold_covers_all_that_the_model_reads():
    hello = {"messages": [{"role": "user", "content": "Hi, 世界!"}]}
    text = "role" + "user" + "content" + "Hi, 世界!"
    assert prompt_of(hello).bound("m") == len(text.encode()) + MESSAGE_OVERHEAD + REPLY_OVERHEAD
    assert prompt_of(hello).estimate("m") == count_tokens(["Hi, 世界!"]) + 2 * FRAME_ESTIMATE


def test_the_model_reads_the_keys_of_a_schema():
    schema = {"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"city": {}}}}]}
    words = ["type", "function", "function", "name", "weather", "parameters", "city"]
    assert prompt_of(schema).estimate("m") == count_tokens(words) + FRAME_ESTIMATE
