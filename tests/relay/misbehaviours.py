"""What the models of the scripted upstream do. Each name is a promise of what goes wrong; the tests hold us to ours."""

import asyncio
import functools
import gzip
import json
import zlib

from tests.relay.scripted_upstream import BEHAVIOURS, DONE, behaviour, chunk, event, whole

WORDS = ("One ", "two ", "three ", "four ", "five.")
EXOTIC = "line\u2028paragraph\u2029next\u0085tab\x0bfile\x1cnul\x00bom\ufeffend 😀 字"
ACCOUNT = "acct_scripted_77123"  # said in every error: it must never reach a caller


# ── Answers that are none ────────────────────────────────────────────────────


def _status(number, **headers):
    async def answer(wire):
        error = {"message": f"Refused for {ACCOUNT} at {wire.upstream.base_url}", "code": "scripted"}
        await wire.whole({"error": error}, status=f"{number} Scripted", **headers)

    BEHAVIOURS[f"status-{number}"] = answer


for refused in (400, 401, 403, 404, 413, 418, 422, 500, 502, 503, 529):
    _status(refused)
_status(429, Retry_After=7)
_status(302, Location="http://127.0.0.1:9/elsewhere")


@behaviour
async def closes_at_once(wire):
    pass


@behaviour
async def resets_at_once(wire):
    await wire.reset()


@behaviour
async def never_answers(wire):
    await wire.until_left()


@behaviour
async def headers_then_silence(wire):
    await wire.head()
    await wire.until_left()


@behaviour
async def drips_its_headers(wire):
    wire.happened()
    await wire.raw(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        await wire.raw(b"x")
        await asyncio.sleep(0.02)


@behaviour
async def half_a_status_line(wire):
    await wire.raw(b"HTTP/1.")


@behaviour
async def speaks_no_http(wire):
    await wire.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


@behaviour
async def a_huge_header(wire):
    wire.happened()
    await wire.head(X_Big="x" * 300_000)
    await wire.answer(*WORDS)


@behaviour
async def a_bad_chunk_size(wire):
    await wire.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")


@behaviour
async def a_page_of_html(wire):
    await wire.whole(b"<html><body>Welcome to nginx!</body></html>", content_type="text/html")


@behaviour
async def an_empty_stream(wire):
    await wire.head()
    await wire.end()


@behaviour
async def done_at_once(wire):
    await wire.head()
    await wire.done()


@behaviour
async def only_comments(wire):
    await wire.head()
    wire.happened()
    while True:
        await wire.send(b": PROCESSING\n\n")
        await asyncio.sleep(0.02)


@behaviour
async def an_error_for_an_answer(wire):
    await wire.whole({"error": {"message": f"quota of {ACCOUNT} is gone", "type": "server_error"}})


@behaviour
async def an_error_first(wire):
    await wire.head()
    await wire.event({"error": {"message": f"quota of {ACCOUNT} is gone"}})
    await wire.end()


@behaviour
async def no_choices(wire):
    await wire.whole({**whole(""), "choices": []})


# ── Answers in the wrong shape ───────────────────────────────────────────────


@behaviour
async def always_whole(wire):
    """A whole answer even to who asked for a stream."""
    wire.said("".join(WORDS))
    calls = [{"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    body = whole("".join(WORDS), usage={"prompt_tokens": 9, "completion_tokens": 8})
    body["choices"][0]["message"]["tool_calls"] = calls
    await wire.whole(body)


@behaviour
async def tells_of_itself(wire):
    """Who it is, and what it takes from the operator, beside a good answer."""
    wire.said("".join(WORDS))
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "cost": 0.00042, "cost_details": {"upstream": 0.0004}}
    if not wire.is_stream:
        await wire.whole(whole("".join(WORDS), usage=usage, provider="Somebody"))
        return
    await wire.head()
    for word in WORDS:
        await wire.event(chunk(word, provider="Somebody"))
    await wire.event(chunk(finish="stop", provider="Somebody", usage=usage))
    await wire.done()


@behaviour
async def always_streamed(wire):
    await wire.head()
    await wire.answer(*WORDS)


async def _compressed(wire, raw, *, encoding="gzip"):
    wire.happened()
    await wire.head(Content_Encoding=encoding)
    for start in range(0, len(raw), 4096):
        await wire.send(raw[start : start + 4096])
    await wire.end()


def _events(*texts):
    usage = {**chunk(), "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(texts)}}
    bodies = [*map(chunk, texts), chunk(finish="stop"), usage]
    return b"".join(map(event, bodies)) + DONE


@behaviour
async def gzip_though_not_asked(wire):
    wire.said("".join(WORDS))
    await _compressed(wire, gzip.compress(_events(*WORDS)))


@behaviour
async def gzip_of_a_whole_answer(wire):
    wire.said("".join(WORDS))
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    raw = gzip.compress(json.dumps(whole("".join(WORDS), usage=usage)).encode())
    await wire.whole(raw, Content_Encoding="gzip")


@behaviour
async def gzip_that_is_none(wire):
    await _compressed(wire, b"this was never compressed")


@functools.cache
def bomb(megabytes=200):
    """One event of so many megabytes in a thousandth of the size."""
    deflate = zlib.compressobj(1, wbits=31)
    raw = deflate.compress(b'data: {"choices":[{"delta":{"content":"')
    raw += b"".join(deflate.compress(b"x" * 2**20) for _ in range(megabytes))
    return raw + deflate.flush()


@behaviour
async def a_bomb(wire):
    await _compressed(wire, bomb())


@behaviour
async def brotli(wire):
    await _compressed(wire, b"\x0b\x02\x80hello\x03", encoding="br")


@behaviour
async def filtered(wire):
    """Ends with a reason and not a word."""
    await wire.head()
    await wire.finish("content_filter")
    await wire.usage(completion=0)
    await wire.done()


# ── Streams that break off ───────────────────────────────────────────────────


def _cut_after(name, count):
    async def answer(wire):
        await wire.head()
        await wire.say(*WORDS[:count])

    BEHAVIOURS[name] = answer


_cut_after("cut-after-the-first", 1)
_cut_after("cut-in-the-middle", 3)
_cut_after("cut-before-the-end", 5)


@behaviour
async def cut_inside_an_event(wire):
    await wire.head()
    await wire.say(*WORDS[:2])
    await wire.send(event(chunk("three "))[:-20])


@behaviour
async def reset_in_the_middle(wire):
    await wire.head()
    await wire.say(*WORDS[:3])
    await wire.reset()


@behaviour
async def a_clean_end_too_early(wire):
    await wire.head()
    await wire.say(*WORDS[:3])
    await wire.end()


@behaviour
async def a_close_too_early(wire):
    """Without a length the end of the connection is the end of the body: nothing tells it from a cut."""
    await wire.head(framing="close")
    await wire.say(*WORDS[:3])


@behaviour
async def shorter_than_its_length(wire):
    await wire.head(framing="100000")
    await wire.say(*WORDS[:3])


@behaviour
async def reset_after_the_reason(wire):
    """All of the answer came, with its finish reason; only the end mark is missing."""
    await wire.head()
    await wire.say(*WORDS)
    await wire.finish()
    await wire.reset()


@behaviour
async def one_choice_of_two_ends(wire):
    await wire.head()
    await wire.say("One ", index=0)
    await wire.say("Two ", index=1)
    await wire.finish()


@behaviour
async def an_error_in_the_middle(wire):
    await wire.head()
    await wire.say(*WORDS[:3])
    await wire.event({"error": {"message": f"the GPU of {ACCOUNT} fell off"}})
    await wire.end()


@behaviour
async def an_error_before_a_word(wire):
    await wire.head()
    await wire.event({**chunk(), "choices": [{"index": 0, "delta": {"role": "assistant"}}]})
    await wire.event({"error": {"message": f"the GPU of {ACCOUNT} fell off"}})
    await wire.end()


@behaviour
async def falls_silent(wire):
    await wire.head()
    await wire.say(*WORDS[:3])
    await wire.until_left()


@behaviour
async def drips(wire):
    """A byte now and then of an event that never ends."""
    await wire.head()
    await wire.say(*WORDS[:3])
    wire.happened()
    await wire.send(b'data: {"choices":[{"delta":{"content":"')
    while True:
        await wire.send(b"x")
        await asyncio.sleep(0.02)


@behaviour
async def comments_for_ever(wire):
    await wire.head()
    await wire.say(*WORDS[:3])
    wire.happened()
    while True:
        await wire.send(b": still here\n\n")
        await asyncio.sleep(0.02)


@behaviour
async def words_for_ever(wire):
    await wire.head()
    wire.happened()
    while True:
        await wire.say("word ")
        await asyncio.sleep(0.01)


@behaviour
async def two_hundred_words(wire):
    await wire.head()
    for _ in range(200):
        await wire.say("word ")
        await asyncio.sleep(0.01)
    await wire.finish()
    await wire.usage(completion=200)
    await wire.done()


@behaviour
async def a_flood(wire):
    """As fast as the other side takes it."""
    await wire.head()
    wire.happened()
    piece = b"".join(event(chunk("x" * 1000)) for _ in range(20))
    while True:
        wire.said("x" * 20_000)
        await wire.send(piece)


@behaviour
async def thinks_then_answers(wire):
    await wire.head()
    await asyncio.sleep(0.5)
    await wire.say("One ")
    await asyncio.sleep(0.5)
    await wire.answer("two.")


# ── Events that are none, or hardly ──────────────────────────────────────────


def _with_broken_events(name, count):
    async def answer(wire):
        await wire.head()
        await wire.say("One ")
        for _ in range(count):
            await wire.send(b'data: {"choices": [{"delta": {"content": "oops\n\n')
        await wire.answer("two.")

    BEHAVIOURS[name] = answer


_with_broken_events("three-broken-events", 3)
_with_broken_events("four-broken-events", 4)


def _spelled(name, *, says=WORDS, by=4096, change=bytes):
    """A good stream, its bytes changed and cut every `by` bytes."""

    async def answer(wire):
        raw = change(_events(*says))
        wire.said("".join(says))
        await wire.head()
        for start in range(0, len(raw), by):
            await wire.send(raw[start : start + by])
        await wire.end()

    BEHAVIOURS[name] = answer


_spelled("crlf", change=lambda raw: raw.replace(b"\n", b"\r\n"), by=7)
_spelled("cr", change=lambda raw: raw.replace(b"\n", b"\r"), by=7)
_spelled("mixed-line-ends", change=lambda raw: raw.replace(b"\n\n", b"\r\n\n", 2).replace(b"\n\n", b"\n\r\n"), by=5)
_spelled("bom", change=lambda raw: b"\xef\xbb\xbf" + raw)
_spelled("no-space", change=lambda raw: raw.replace(b"data: ", b"data:"))
_spelled("more-fields", change=lambda raw: raw.replace(b"data: {", b"event: message\nid: 7\nretry: 10\ndata: {"))
_spelled("lines-of-data", change=lambda raw: raw.replace(b', "choices"', b',\ndata: "choices"'))
_spelled("no-blank-lines", change=lambda raw: raw.replace(b"\n\n", b"\n") + b"\n")
_spelled("no-last-blank-line", change=lambda raw: raw.rstrip(b"\n"))
_spelled("byte-by-byte", says=(EXOTIC,), by=1)
_spelled("exotic", says=(EXOTIC, EXOTIC))


@behaviour
async def an_endless_line(wire):
    """200 MB without a line end."""
    await wire.head()
    await wire.say("One ")
    wire.happened()
    await wire.send(b'data: {"choices":[{"delta":{"content":"')
    for _ in range(3200):
        await wire.send(b"x" * 65_536)
    await wire.end()


@behaviour
async def a_million_events(wire):
    await wire.head()
    wire.happened()
    for _ in range(100):
        await wire.send(b'data: {"choices":[]}\n\n' * 10_000)
    await wire.answer("One ")


@behaviour
async def deep_json(wire):
    await wire.head()
    await wire.say("One ")
    await wire.event(b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    await wire.answer("two.")


# ── Usage ────────────────────────────────────────────────────────────────────

MAD_USAGE = {
    "negative": {"prompt_tokens": -9, "completion_tokens": -1_000_000_000},
    "text": {"prompt_tokens": "9", "completion_tokens": "many"},
    "fraction": {"prompt_tokens": 9.5, "completion_tokens": 1.5},
    "null": {"prompt_tokens": None, "completion_tokens": None},
    "bool": {"prompt_tokens": True, "completion_tokens": True},
    "half": {"prompt_tokens": 9},
    "list": [9, 5],
}
HUGE_USAGE = {
    "trillion": {"prompt_tokens": 10**12, "completion_tokens": 10**12},
    "beyond-int64": {"prompt_tokens": 9, "completion_tokens": 2**70},
    "above-max-tokens": {"prompt_tokens": 9, "completion_tokens": 99_000},
}


def _with_usage(name, usage):
    async def answer(wire):
        wire.said("".join(WORDS))
        if not wire.is_stream:
            await wire.whole(whole("".join(WORDS), usage=usage))
            return
        await wire.head()
        for word in WORDS:
            await wire.event(chunk(word))
        await wire.finish()
        await wire.event({**chunk(), "choices": [], "usage": usage})
        await wire.done()

    BEHAVIOURS[f"usage-{name}"] = answer


for kind, mad in (MAD_USAGE | HUGE_USAGE).items():
    _with_usage(kind, mad)


@behaviour
async def no_usage(wire):
    await wire.head()
    await wire.answer(*WORDS, usage=False)


@behaviour
async def usage_twice(wire):
    await wire.head()
    await wire.say(*WORDS)
    await wire.usage(completion=1)
    await wire.finish()
    await wire.usage(completion=7)
    await wire.done()


@behaviour
async def usage_then_more(wire):
    await wire.head()
    await wire.say("One ")
    await wire.usage(completion=1)
    await wire.say("x" * 400)
    await wire.finish()
    await wire.done()


@behaviour
async def usage_after_done(wire):
    await wire.head()
    await wire.say(*WORDS)
    await wire.finish()
    await wire.send(DONE + event({**chunk(), "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9999}}))
    await wire.end()


@behaviour
async def usage_with_each_word(wire):
    await wire.head()
    for count, word in enumerate(WORDS, start=1):
        await wire.say(word, usage={"prompt_tokens": 9, "completion_tokens": count})
    await wire.finish()
    await wire.done()


@behaviour
async def well_behaved(wire):
    if wire.is_stream:
        await wire.head()
        await wire.answer(*WORDS)
        return
    wire.said("".join(WORDS))
    await wire.whole(whole("".join(WORDS), usage={"prompt_tokens": 9, "completion_tokens": 5}))
