"""Exactly which headers go up and which come back: nothing of the caller's, nothing of the upstream's."""

import pytest

from relay.hops import HOP_HEADER, own_mark
from tests.relay import odd_upstream as odd
from tests.relay.conftest import chat

pytestmark = [pytest.mark.live]

CALLERS = {
    "Cookie": "sessionid=canary",
    "X-Forwarded-For": "203.0.113.77",
    "X-Real-IP": "203.0.113.77",
    "Forwarded": "for=203.0.113.77",
    "True-Client-IP": "203.0.113.77",
    "CF-Connecting-IP": "203.0.113.77",
    "Via": "1.1 canary",
    "Origin": "https://canary.example",
    "Referer": "https://canary.example/",
    "User-Agent": "canary/1",
    "OpenAI-Organization": "org-canary",
    "OpenAI-Project": "proj_canary",
    "X-Stainless-OS": "canary",
    "X-Api-Key": "sk-canary",
    "Idempotency-Key": "canary",
    "X-Request-Id": "canary",
    "Accept-Language": "canary",
    "Traceparent": "00-canary",
    "Proxy-Authorization": "Basic canary",
    "X-Custom": "canary",
}
UPSTREAMS = {
    "Server": "canary-server",
    "Via": "1.1 canary",
    "Set-Cookie": "upstream=canary; Path=/",
    "X-Request-Id": "req_canary",
    "OpenAI-Organization": "org-canary",
    "OpenAI-Processing-Ms": "12",
    "OpenAI-Version": "2020-10-01",
    "X-RateLimit-Remaining-Requests": "canary",
    "CF-Ray": "canary",
    "Strict-Transport-Security": "max-age=1",
    "Location": "https://canary.example/",
    "WWW-Authenticate": "Basic realm=canary",
    "Access-Control-Allow-Origin": "https://canary.example",
    "X-Tollbooth-Cost": "canary",
    "X-Custom": "canary",
}
COMMON = {"date", "content-type", "x-request-id", "access-control-allow-origin", "access-control-expose-headers"}
COMMON |= {"request-id", "server"}  # `server` is of the one in the tests; `serve` has it send none
WHOLE = COMMON | {"content-length", "x-tollbooth-cost"}
STREAM = COMMON | {"cache-control", "x-accel-buffering", "transfer-encoding"}
EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"content":"ok"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def streamed():
    return odd.Answer(EVENTS, headers={"Content-Type": "text/event-stream"})


def exchange(caller_of, answer, *, stream=False, **fields):
    """What a request with all those headers makes of an answer with all those headers: what went up, what came back."""
    answer.headers |= UPSTREAMS
    with odd.odd_upstream(chat=answer) as upstream:
        alice = caller_of(models=["m"], channels=[{"base_url": upstream.base_url, "models": ["m"]}], **fields)
        sent = {**CALLERS, "Authorization": f"Bearer {alice.key}"}
        response = alice.post(chat("m", stream=stream), headers=sent)
    ((_path, headers, _body),) = upstream.asked
    return headers, response


@pytest.mark.parametrize(("stream", "accept"), [(False, "application/json"), (True, "text/event-stream")])
def test_exactly_these_go_up(caller_of, stream, accept):
    headers, _ = exchange(caller_of, streamed() if stream else odd.chat(), stream=stream)
    for variable in ("Host", "Content-Length"):
        del headers[variable]
    assert headers == {
        "Content-Type": "application/json",
        "Accept": accept,
        "Accept-Encoding": "identity",
        "User-Agent": "Tollbooth",
        "Authorization": "Bearer upstream-secret",
        HOP_HEADER: own_mark(),
    }


@pytest.mark.parametrize(
    ("answer", "stream", "names"),
    [(odd.chat, False, WHOLE), (streamed, True, STREAM)],
    ids=["whole", "stream"],
)
def test_exactly_these_come_back(caller_of, answer, stream, names):
    _, response = exchange(caller_of, answer(), stream=stream)
    assert response.status_code == 200
    assert {name.lower() for name in response.headers} == names
    assert "canary" not in str(response.headers)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_an_error_brings_nothing_of_the_upstreams_back(caller_of, status):
    answer = odd.error(status, "No: https://canary.example, org-canary1234, sk-canary1234")
    answer.headers["Retry-After"] = "7"
    _, response = exchange(caller_of, answer)
    allowed = COMMON | {"content-length"} | ({"retry-after"} if status == 429 else set())
    assert {name.lower() for name in response.headers} == allowed
    assert "canary" not in str(response.headers) + response.text


def test_a_redirect_takes_the_key_nowhere(caller_of):
    with odd.odd_upstream(chat=odd.chat()) as elsewhere:
        moved = odd.Answer(status=307, headers={"Location": f"{elsewhere.base_url}/chat/completions"})
        with odd.odd_upstream(chat=moved) as upstream:
            alice = caller_of(models=["m"], channels=[{"base_url": upstream.base_url, "models": ["m"]}])
            assert alice.post(chat("m")).status_code == 502
        assert (len(upstream.asked), elsewhere.asked) == (1, [])
